import { expect, test } from "vitest";
import { quantile, readMetrics, sum, sumBy } from "./prometheus";

const TEXT = `# HELP latency_seconds Time
# TYPE latency_seconds histogram
latency_seconds_bucket{stage="observe",le="0.001"} 50
latency_seconds_bucket{stage="observe",le="0.002"} 90
latency_seconds_bucket{stage="observe",le="+Inf"} 100
payments_total{decision="approve",tier="hybrid"} 8
payments_total{decision="approve",tier="rules"} 1
payments_total{decision="review",tier="hybrid"} 3
odd{id="a\\"b,c\\\\"} 1.5e3
`;
const metrics = readMetrics(TEXT);

test("samples, labels and their sums", () => {
  expect(sum(metrics, "payments_total")).toBe(12);
  expect(sum(metrics, "payments_total", { decision: "review" })).toBe(3);
  expect([...sumBy(metrics, "payments_total", "tier")]).toEqual([
    ["hybrid", 11],
    ["rules", 1],
  ]);
  expect(metrics.get("odd")).toEqual([{ labels: { id: 'a"b,c\\' }, value: 1500 }]);
});

test("percentiles lie straight between the bounds of a bucket", () => {
  const stage = { stage: "observe" };
  expect(quantile(0.5, metrics, "latency_seconds", stage)).toBeCloseTo(0.001);
  expect(quantile(0.7, metrics, "latency_seconds", stage)).toBeCloseTo(0.0015);
  expect(quantile(0.99, metrics, "latency_seconds", stage)).toBeCloseTo(0.002);
  expect(quantile(0.5, metrics, "latency_seconds", { stage: "none" })).toBeNull();
  expect(quantile(0.5, metrics, "latency_seconds", stage, metrics)).toBeNull();
});
