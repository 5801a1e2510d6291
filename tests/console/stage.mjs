// What every test stands on: a console at some address, people who may log in, and one browser.
// FRAUDNET_CONSOLE is the address of a running service's console, ".../console/". FRAUDNET_CONSOLE_TOKENS gives tokens by role, as
// JSON: {"analyst": …, "analyst2": …, "lead": …, "auditor": …}, and as "once" an unused one-time link's secret, if there is one.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

/** Longer than anything here takes on a busy machine of two cores. */
const WAIT_MS = 60_000;
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const named = (variable) => process.env[variable] ?? assert.fail(`set ${variable}: scoring/docs/console.md tells how`);
const ADDRESS = named("FRAUDNET_CONSOLE");
export const TOKENS = JSON.parse(named("FRAUDNET_CONSOLE_TOKENS"));

export async function openStage({ width = 1280, height = 800 } = {}) {
  const profile = await mkdtemp(join(tmpdir(), "console-e2e-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: FLAGS,
    headless: true,
    viewport: { width, height },
  });
  const complaints = [];
  // A blocked style or script and an error nobody caught are told to the console.
  context.on("console", (message) => {
    if (message.type() === "error" && !/status of 4\d\d|ERR_(FAILED|INTERNET)/.test(message.text()))
      complaints.push(message.text());
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  const page = context.pages()[0] ?? (await context.newPage());
  context.setDefaultTimeout(WAIT_MS);
  return {
    address: ADDRESS,
    context,
    page,
    complaints,
    close: async () => {
      await context.close();
      await rm(profile, { recursive: true, force: true });
    },
  };
}

export async function logIn(page, address, role, place = "#/queue") {
  await page.goto(`${address}${place}`);
  await page.getByLabel("Access token").fill(TOKENS[role]);
  await page.getByRole("button", { name: "Log in", exact: true }).click();
  await page.locator("header.bar").waitFor();
}

/** Somebody else at another desk, over the API alone. */
export async function colleague(address, role) {
  const base = new URL(address).origin;
  const begun = await fetch(`${base}/v1/session`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token: TOKENS[role] }),
  });
  const cookie = begun.headers.get("set-cookie").split(";")[0];
  const { csrf, name } = await begun.json();
  const call = async (method, path, body) => {
    const headers = { cookie, origin: base, "x-csrf-token": csrf, "content-type": "application/json" };
    const reply = await fetch(base + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
    return { status: reply.status, body: reply.status === 204 ? null : await reply.json() };
  };
  return { name, call };
}

export const rows = (page) => page.locator(".rows .row:not(.head)");
export const focusedRow = (page) => page.locator(".rows .row.focused");

export async function queueReady(page) {
  await rows(page).first().waitFor();
}
