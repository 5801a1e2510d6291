// Screenshots of every page in both themes: node shots.mjs FOLDER [WIDTHxHEIGHT] [PAGE,…]
// FRAUDNET_CONSOLE_LINK is a one-time link, as `make demo` prints one; without it tokens are used as the tests use them.

import { mkdir } from "node:fs/promises";

const folder = process.argv[2] ?? "shots";
const [width, height] = (process.argv[3] ?? "1280x800").split("x").map(Number);
const only = process.argv[4];
await mkdir(folder, { recursive: true });
const link = process.env.FRAUDNET_CONSOLE_LINK;
if (link) Object.assign(process.env, { FRAUDNET_CONSOLE: link.slice(0, link.indexOf("#")), FRAUDNET_CONSOLE_TOKENS: "{}" });
// It reads the environment when it is loaded.
const { logIn, openStage, queueReady } = await import("./stage.mjs");
const stage = await openStage({ width, height });
const { page, address } = stage;

const PAGES = [
  ["queue", "#/queue", (it) => queueReady(it)],
  [
    "case",
    null,
    async (it) => {
      await queueReady(it);
      await it.keyboard.press("n");
      await it.locator(".graph-canvas canvas").first().waitFor();
      await it.locator(".weights").first().waitFor();
      await it.waitForTimeout(400);
    },
  ],
  ["graph", null, (it) => it.locator(".graph-canvas canvas").first().waitFor(), "section:has(.graph-frame)"],
  ["rings", "#/rings", (it) => it.locator("tbody tr").first().waitFor()],
  [
    "ring",
    null,
    async (it) => {
      await it.goto(`${address}#/rings`);
      await it.locator("tbody a").first().click();
      await it.locator(".graph-canvas canvas").first().waitFor();
      await it.locator(".u-wrap").first().waitFor();
      await it.waitForTimeout(300);
    },
  ],
  [
    "rules",
    "#/rules",
    async (it) => {
      await it.getByRole("button", { name: "What would it have done?" }).click();
      await it.locator(".report .u-wrap").waitFor();
    },
  ],
  ["experiments", "#/experiments", (it) => it.locator("h2#rails-title, .empty").first().waitFor()],
  [
    "health",
    "#/health",
    async (it) => {
      await it.locator(".board").waitFor();
      await it.waitForTimeout(11_000);
    },
  ],
  [
    "audit",
    null,
    async (it) => {
      const { cases } = await it.evaluate(async () => (await fetch("/v1/reviews?limit=1")).json());
      await it.goto(`${address}#/audit?payment=${encodeURIComponent(cases[0].payments[0].transaction_id)}`);
      await it.locator(".proof .mark").first().waitFor();
    },
  ],
];

await page.emulateMedia({ colorScheme: "light" });
if (link) {
  await page.goto(link);
  await page.locator("header.bar").waitFor();
} else {
  await page.goto(`${address}#/queue`);
  await page.getByLabel("Access token").waitFor();
  await page.screenshot({ path: `${folder}/login-light.png` });
  await logIn(page, address, "lead");
}
for (const [name, place, ready, part] of PAGES) {
  if (only && !only.split(",").includes(name)) continue;
  // A part of a page is of the page before it.
  if (!part) await page.goto(`${address}${place ?? "#/queue"}`);
  await ready(page);
  for (const theme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: theme });
    await page.waitForTimeout(250);
    await (part ? page.locator(part).first() : page).screenshot({ path: `${folder}/${name}-${theme}.png` });
  }
  await page.emulateMedia({ colorScheme: "light" });
}
console.log(stage.complaints.join("\n") || "no complaints");
await stage.close();
