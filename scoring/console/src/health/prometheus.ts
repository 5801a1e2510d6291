// Reads Prometheus' text format, and percentiles off its histograms.

export interface Sample {
  labels: Record<string, string>;
  value: number;
}

export type Metrics = Map<string, Sample[]>;

const LINE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})?\s+(\S+)/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

export function readMetrics(text: string): Metrics {
  const metrics: Metrics = new Map();
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) continue;
    const found = LINE.exec(line);
    if (!found) continue;
    const labels: Record<string, string> = {};
    for (const [, name, value] of (found[2] ?? "").matchAll(LABEL)) {
      labels[name!] = value!.replace(/\\(.)/g, (_all, escaped: string) => (escaped === "n" ? "\n" : escaped));
    }
    const samples = metrics.get(found[1]!) ?? [];
    samples.push({ labels, value: Number(found[3] === "+Inf" ? "Infinity" : found[3]) });
    metrics.set(found[1]!, samples);
  }
  return metrics;
}

export function sum(metrics: Metrics, name: string, labels: Record<string, string> = {}): number {
  return (metrics.get(name) ?? [])
    .filter((sample) => matches(sample, labels))
    .reduce((total, { value }) => total + value, 0);
}

/** Sums by the values of one label. */
export function sumBy(metrics: Metrics, name: string, label: string): Map<string, number> {
  const told = new Map<string, number>();
  for (const sample of metrics.get(name) ?? []) {
    const key = sample.labels[label] ?? "";
    told.set(key, (told.get(key) ?? 0) + sample.value);
  }
  return told;
}

/** A percentile of a histogram of what came after `before`: between the bounds of its bucket, straight. */
export function quantile(
  share: number,
  metrics: Metrics,
  name: string,
  labels: Record<string, string>,
  before?: Metrics,
): number | null {
  const buckets = counts(metrics, name, labels);
  const earlier = new Map(before ? counts(before, name, labels) : []);
  const since = buckets.map(([bound, count]) => [bound, count - (earlier.get(bound) ?? 0)] as const);
  const total = since.at(-1)?.[1] ?? 0;
  if (total <= 0) return null;
  let [low, below] = [0, 0];
  for (const [bound, count] of since) {
    if (count >= share * total) {
      if (!Number.isFinite(bound)) return low;
      return low + (bound - low) * ((share * total - below) / Math.max(1e-9, count - below));
    }
    [low, below] = [bound, count];
  }
  return low;
}

function counts(metrics: Metrics, name: string, labels: Record<string, string>): [number, number][] {
  return (metrics.get(`${name}_bucket`) ?? [])
    .filter((sample) => matches(sample, labels))
    .map(({ labels: { le }, value }): [number, number] => [
      le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le),
      value,
    ])
    .sort(([a], [b]) => a - b);
}

const matches = (sample: Sample, labels: Record<string, string>): boolean =>
  Object.entries(labels).every(([name, value]) => sample.labels[name] === value);
