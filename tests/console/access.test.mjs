// axe: nothing serious on any page, in either theme.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { logIn, openStage, queueReady } from "./stage.mjs";

const AXE = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];

let stage, page, address;

before(async () => {
  stage = await openStage();
  ({ page, address } = stage);
});
after(() => stage.close());

const loaded = async () => {
  await page
    .locator(".loading")
    .first()
    .waitFor({ state: "detached" })
    .catch(() => {});
  await page.waitForTimeout(150);
};

const PAGES = {
  queue: async () => {
    await page.goto(`${address}#/queue`);
    await queueReady(page);
  },
  case: async () => {
    await page.goto(`${address}#/queue`);
    await queueReady(page);
    await page.keyboard.press("Enter");
    await page.locator(".graph-canvas canvas").first().waitFor();
    await page.locator(".weights").first().waitFor();
    await page.locator("details summary", { hasText: "as a table" }).click();
    await page.locator("details table tbody button").nth(1).click();
  },
  question: async () => {
    await page.goto(`${address}#/queue`);
    await queueReady(page);
    await page.keyboard.press("d");
    await page.locator("dialog[open]").waitFor();
  },
  keys: async () => {
    await page.goto(`${address}#/rings`);
    await page.locator("tbody tr").first().waitFor();
    await page.keyboard.press("?");
    await page.locator("dialog[open]").waitFor();
  },
  rings: async () => {
    await page.goto(`${address}#/rings`);
    await page.locator("tbody tr").first().waitFor();
  },
  ring: async () => {
    await page.goto(`${address}#/rings`);
    await page.locator("tbody a").first().click();
    await page.locator(".graph-canvas canvas").first().waitFor();
    await page.locator(".uplot").first().waitFor();
  },
  rules: async () => {
    await page.goto(`${address}#/rules`);
    await page.getByRole("button", { name: "What would it have done?" }).click();
    await page.locator(".report .uplot").waitFor();
  },
  experiments: () => page.goto(`${address}#/experiments`),
  health: async () => {
    await page.goto(`${address}#/health`);
    await page.locator(".board").waitFor();
  },
  audit: () => page.goto(`${address}#/audit`),
};

async function serious() {
  // Through the debugger, as the page's own policy rightly allows no foreign script.
  const client = await stage.context.newCDPSession(page);
  await client.send("Runtime.evaluate", { expression: AXE });
  const { result } = await client.send("Runtime.evaluate", {
    expression: `axe.run(document, { runOnly: ${JSON.stringify(TAGS)} }).then((found) => JSON.stringify(found.violations.map(({ id, impact, nodes }) => ({ id, impact, where: nodes.slice(0, 3).map((node) => node.target.join(" ") + " " + node.failureSummary?.split("\\n")[1]) }))))`,
    awaitPromise: true,
    returnByValue: true,
  });
  const found = JSON.parse(result.value);
  return {
    grave: found.filter(({ impact }) => impact === "serious" || impact === "critical"),
    minor: found.filter(({ impact }) => impact !== "serious" && impact !== "critical"),
  };
}

for (const theme of ["light", "dark"]) {
  test(`login, ${theme}`, async () => {
    await page.emulateMedia({ colorScheme: theme });
    await stage.context.clearCookies();
    await page.goto("about:blank");
    await page.goto(`${address}#/login`);
    await page.getByLabel("Access token").waitFor();
    const { grave } = await serious();
    assert.deepEqual(grave, []);
    await logIn(page, address, "lead");
  });
  for (const [name, open] of Object.entries(PAGES)) {
    test(`${name}, ${theme}`, async (it) => {
      await page.emulateMedia({ colorScheme: theme });
      await open();
      await loaded();
      const { grave, minor } = await serious();
      for (const one of minor) it.diagnostic(`${one.impact}: ${one.id} ${one.where[0]}`);
      assert.deepEqual(grave, []);
      await page.keyboard.press("Escape");
    });
  }
}
