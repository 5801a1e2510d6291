// Login: with a token, with the one-time link of the first start, or over OIDC where the service offers it.

import { createSignal, onMount, Show } from "solid-js";
import { describe, Problem } from "../api/problem";
import { go, route } from "../state/route";
import { beginSession, oidcOffered, over, returnPlace } from "../state/session";

export function Login() {
  const [token, setToken] = createSignal("");
  const [refusal, setRefusal] = createSignal("");
  const [busy, setBusy] = createSignal(false);
  const back = () => returnPlace(route().query.get("return"));

  const begin = async (proof: { token: string } | { once: string }) => {
    setBusy(true);
    setRefusal("");
    try {
      await beginSession(proof);
    } catch (error) {
      const wrong = error instanceof Problem && error.status === 401;
      setRefusal(wrong ? `Not accepted: ${error.detail || "unknown, used or expired"}` : describe(error));
    } finally {
      setBusy(false);
    }
  };

  onMount(() => {
    const once = route().query.get("once");
    if (!once) return;
    // A secret that works once has no business in the history.
    history.replaceState(null, "", "#/login");
    void begin({ once }).then(() => !refusal() && go(back(), { replace: true }));
  });

  return (
    <form
      class="login"
      onSubmit={(event) => {
        event.preventDefault();
        void begin({ token: token().trim() });
      }}
    >
      <h1>fraudnet</h1>
      <Show when={over()}>
        <p role="status">Your session is over. Log in to go on where you were; what you typed is kept.</p>
      </Show>
      <label>
        Access token
        <input
          type="password"
          name="token"
          autocomplete="current-password"
          required
          autofocus
          value={token()}
          onInput={(event) => setToken(event.currentTarget.value)}
        />
      </label>
      <Show when={refusal()}>
        <p class="failed" role="alert">
          ✕ {refusal()}
        </p>
      </Show>
      <button type="submit" class="primary" disabled={busy() || !token().trim()}>
        Log in
      </button>
      <Show when={oidcOffered()}>
        <a class="button" href={`/v1/session/oidc?return=${encodeURIComponent(`/console/${back()}`)}`}>
          Log in with your organisation
        </a>
      </Show>
      <p class="quiet">An administrator makes tokens. The first start prints a link for the first administrator.</p>
    </form>
  );
}
