// A contribution: to the right it speaks for fraud, to the left against it.

export function Bar(props: { share: number; text: string }) {
  const size = () => `${Math.min(1, Math.abs(props.share)) * 50}%`;
  return (
    <span class="weigh">
      <span class="weigh-track" aria-hidden="true">
        <span
          class="weigh-fill"
          classList={{ for: props.share >= 0, against: props.share < 0 }}
          style={{ width: size() }}
        />
      </span>
      <span class="number">{props.text}</span>
    </span>
  );
}
