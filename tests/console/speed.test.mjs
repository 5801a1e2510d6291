// The figures that the console promises, measured and printed. Bytes and rows are held to their bounds always, times where
// FRAUDNET_CONSOLE_TIMES is set: on a machine that does nothing else.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { gzipSync } from "node:zlib";
import { logIn, openStage, queueReady, rows } from "./stage.mjs";

const FIRST_PAGE_BYTES = 60_000;
const INTERACTIVE_MS = 1_000;
const GRAPH_MS = 300;
const TASK_MS = 50;
const MOST_ROWS = 60;
const WANTED_CASES = 10_000;

/** Holds a time to its bound, where times are held to anything. */
const within = (ms, bound) => assert.ok(!process.env.FRAUDNET_CONSOLE_TIMES || ms <= bound, `${ms} ms, at most ${bound}`);

let stage, page, address;

before(async () => {
  stage = await openStage();
  ({ page, address } = stage);
});
after(() => stage.close());

test("first page: bytes and time", async (it) => {
  const parts = new Map();
  page.on("response", async (reply) => {
    if (new URL(reply.url()).pathname.startsWith("/console/"))
      parts.set(new URL(reply.url()).pathname, gzipSync(await reply.body(), { level: 9 }).length);
  });
  await logIn(page, address, "analyst");
  await queueReady(page);
  const bytes = [...parts.values()].reduce((sum, size) => sum + size, 0);
  it.diagnostic(`first page with login and queue: ${bytes} bytes gzip in ${parts.size} files`);
  assert.ok(bytes <= FIRST_PAGE_BYTES);
  const times = [];
  for (let round = 0; round < 5; round++) {
    await page.goto("about:blank");
    const client = await stage.context.newCDPSession(page);
    await client.send("Network.clearBrowserCache");
    await client.detach();
    await page.goto(`${address}#/queue`);
    await queueReady(page);
    // From the navigation's start to the first row, with the keys bound.
    times.push(await page.evaluate(() => performance.now()));
  }
  times.sort((a, b) => a - b);
  it.diagnostic(`interactive, cold cache: ${times.map((ms) => ms.toFixed(0)).join(", ")} ms`);
  within(times[2], INTERACTIVE_MS);
});

test("queue: scrolling, rows in the document, script tasks", async (it) => {
  await page.goto(`${address}#/queue`);
  await queueReady(page);
  const client = await stage.context.newCDPSession(page);
  const events = [];
  client.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await client.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["toplevel", "devtools.timeline", "v8.execute"] },
  });
  const told = await page.evaluate(async () => {
    const list = document.querySelector(".rows");
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let most = 0;
    let still = 0;
    const frames = [];
    let before = performance.now();
    while (still < 60) {
      const top = list.scrollTop;
      list.scrollTop += 420;
      await frame();
      const now = performance.now();
      frames.push(now - before);
      before = now;
      most = Math.max(most, document.querySelectorAll(".rows .row").length);
      still = list.scrollTop === top ? still + 1 : 0;
    }
    frames.sort((a, b) => a - b);
    return {
      most,
      cases: Math.round(
        document.querySelector(".row-space").clientHeight /
          document.querySelector(".rows .row:not(.head)").offsetHeight,
      ),
      p50: frames[Math.floor(frames.length / 2)],
      p99: frames[Math.floor(frames.length * 0.99)],
    };
  });
  const ended = new Promise((resolve) => client.once("Tracing.tracingComplete", resolve));
  await client.send("Tracing.end");
  await ended;
  // Script, and whatever layout it makes, in one go. Held to the bound is the processor's time: on a busy machine
  // the clock also counts how long the browser was made to wait for a core.
  const scripts = events.filter(
    ({ name, ph }) =>
      ph === "X" && ["FunctionCall", "EvaluateScript", "RunMicrotasks", "v8.callFunction"].includes(name),
  );
  const longest = Math.max(0, ...scripts.map(({ tdur = 0 }) => tdur / 1_000));
  const waited = Math.max(0, ...scripts.map(({ dur }) => dur / 1_000));
  it.diagnostic(
    `scrolled ${told.cases} cases: ${told.most} rows in the document at most (head included), longest of ${scripts.length} script tasks ${longest.toFixed(1)} ms (${waited.toFixed(1)} ms by the clock), frame p50 ${told.p50.toFixed(1)} p99 ${told.p99.toFixed(1)} ms`,
  );
  if (told.cases < WANTED_CASES * 0.9) it.diagnostic(`the service holds fewer than ${WANTED_CASES} cases`);
  assert.ok(told.most <= MOST_ROWS);
  within(longest, TASK_MS);
  assert.ok((await rows(page).count()) > 0);
});

test("a graph of up to 128 nodes is drawn", async (it) => {
  const times = [];
  for (let round = 0; round < 5; round++) {
    await page.goto("about:blank");
    await page.goto(`${address}#/queue`);
    await queueReady(page);
    for (let step = 0; step < round; step++) await page.keyboard.press("j");
    await page.keyboard.press("Enter");
    await page.locator(".graph-canvas canvas").first().waitFor();
    const drawn = await page.waitForFunction(() => performance.getEntriesByName("graph drawn")[0]?.duration);
    times.push(await drawn.jsonValue());
  }
  const size = await page.locator("details summary", { hasText: "as a table" }).textContent();
  times.sort((a, b) => a - b);
  it.diagnostic(`${size}: ${times.map((ms) => ms.toFixed(0)).join(", ")} ms from data to first painted frame`);
  within(times.at(-1), GRAPH_MS);
});
