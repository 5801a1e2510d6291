// The analyst's day, by keyboard wherever an analyst would use it.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { colleague, focusedRow, logIn, openStage, queueReady, TOKENS } from "./stage.mjs";

let stage, page, address;

before(async () => {
  stage = await openStage();
  ({ page, address } = stage);
});
after(() => stage.close());

const toast = (text) => page.locator(".toast", { hasText: text }).last();
const dialog = () => page.locator("dialog[open]");
const caseId = () => decodeURIComponent(/#\/case\/([^?]+)/.exec(page.url())?.[1] ?? "");

test("login: a wrong token is refused, the right one leads to the queue", async () => {
  await page.goto(`${address}#/queue?status=pending`);
  await page.getByLabel("Access token").fill("not-a-token");
  await page.keyboard.press("Enter");
  await page.getByText("Not accepted").waitFor();
  await page.getByLabel("Access token").fill(TOKENS.analyst);
  await page.keyboard.press("Enter");
  await queueReady(page);
  assert.match(page.url(), /#\/queue\?status=pending$/, "back where one wanted to go");
  await page.goto(`${address}#/queue`);
  await queueReady(page);
});

test("queue: j and k move, ? lists every key", async () => {
  const first = await focusedRow(page).getAttribute("aria-rowindex");
  await page.keyboard.press("j");
  await page.keyboard.press("j");
  await page.keyboard.press("k");
  assert.equal(Number(await focusedRow(page).getAttribute("aria-rowindex")), Number(first) + 1);
  await page.keyboard.press("?");
  await dialog().getByText("Get the next case").waitFor();
  await page.keyboard.press("Escape");
  await dialog().waitFor({ state: "detached" });
});

test("get-next holds the case; why and graph are shown, with the digest of the verdict", async () => {
  await page.keyboard.press("n");
  await page.getByText("● you").waitFor();
  await page.getByText("exactly what the verdict saw").waitFor();
  await page.locator(".weights li").first().waitFor();
  assert.ok((await page.locator(".reasons li").count()) + (await page.locator(".weights li").count()) > 0);
  const verdict = await page.evaluate(async () => {
    const id = document.querySelector('tr.current button[aria-pressed="true"]').textContent;
    const told = await fetch(`/v1/verdicts/${encodeURIComponent(id)}`);
    return told.json();
  });
  assert.equal(await page.locator(".digest code").first().textContent(), verdict.subgraph_digest);
});

test("graph: the time slider goes back, an entity shows its neighbours of today", async () => {
  await page.locator(".graph-canvas canvas").first().waitFor();
  const now = await page.locator(".slider output").textContent();
  await page.keyboard.press(",");
  await page.keyboard.press(",");
  assert.notEqual(await page.locator(".slider output").textContent(), now);
  await page.keyboard.press(".");
  await page.locator("details summary", { hasText: "as a table" }).click();
  await page.locator("details table tbody button").nth(1).click();
  await page.locator(".entity").waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("o");
  await toast("neighbours").waitFor();
});

test("five cases by keyboard alone", async () => {
  const worked = new Set();
  for (const key of ["d", "a", "d", "a", "i"]) {
    await page.keyboard.press("n");
    await page.waitForFunction(
      (before) => !before.includes(location.hash),
      [...worked].map((id) => `#/case/${id}`),
    );
    await page.getByText("● you").waitFor();
    worked.add(caseId());
    await page.keyboard.press(key);
    await dialog().waitFor();
    await page.keyboard.press("1");
    await toast("Decided").waitFor();
    await dialog().waitFor({ state: "detached" });
    await page.locator(".decided").waitFor();
  }
  assert.equal(worked.size, 5);
});

test("undo takes the last decision back within its ten seconds", async () => {
  await page.keyboard.press("n");
  await page.getByText("● you").waitFor();
  await page.locator(".decided").waitFor({ state: "detached" });
  await page.keyboard.press("d");
  await page.keyboard.press("2");
  await page.locator(".decided").waitFor();
  assert.match(await page.locator(".toast .countdown").textContent(), /^\d+ s$/);
  await page.keyboard.press("u");
  await page.locator(".decided").waitFor({ state: "detached" });
  await page.locator(".steps button", { hasText: "Fraud" }).waitFor();
});

test("a note is written, a case is escalated, another is assigned and snoozed", async () => {
  const text = `customer does not answer ${Date.now()}`;
  await page.keyboard.press("m");
  await page.keyboard.type(text);
  await page.keyboard.press("Control+Enter");
  await page.locator(".notes p", { hasText: text }).waitFor();
  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("e");
  await page.keyboard.press("1");
  await page.locator(".case-facts .mark", { hasText: "escalated" }).waitFor();
  await page.keyboard.press("n");
  await page.getByText("● you").waitFor();
  await page.keyboard.press("w");
  await dialog().waitFor();
  await page.keyboard.press("1");
  await toast("Assigned").waitFor();
  await dialog().waitFor({ state: "detached" });
  await page.keyboard.press("s");
  await dialog().waitFor();
  await page.keyboard.press("1");
  await page.locator(".case-facts .mark", { hasText: "snoozed until" }).waitFor();
});

test("bulk: x and X select, a preview counts, then it acts", async () => {
  await page.goto(`${address}#/queue?status=pending`);
  await queueReady(page);
  await page.keyboard.press("x");
  for (let step = 0; step < 3; step++) await page.keyboard.press("j");
  await page.keyboard.press("X");
  await page.getByText("4 selected").waitFor();
  await page.keyboard.press("s");
  await page.keyboard.press("1");
  await dialog().getByText("Would be done").waitFor();
  const go = dialog().getByRole("button", { name: /Go on with [1-4]/ });
  await go.waitFor();
  await go.click();
  await toast("Snoozed · ").waitFor();
  await page.getByText("4 selected").waitFor({ state: "detached" });
});

test("ring: one decision for all of its open cases", async () => {
  await page.keyboard.press("g");
  await page.keyboard.press("r");
  await page
    .locator("tbody tr", { has: page.locator(".mark", { hasText: "open" }) })
    .first()
    .getByRole("link")
    .click();
  await page.getByText(/All \d+ open case/).waitFor();
  const count = Number(/All (\d+)/.exec(await page.locator(".steps").textContent())[1]);
  await page.keyboard.press("d");
  await dialog().waitFor();
  await page.keyboard.press("3");
  if (count > 1) {
    await dialog().getByText("Labels that training would learn from").waitFor();
    await dialog()
      .getByRole("button", { name: /Go on with/ })
      .click();
  }
  await toast("Decided: confirmed fraud").waitFor();
});

test("rules: a mistake is told where it is, a good rule is tried on the past", async () => {
  await page.goto(`${address}#/rules`);
  const when = page.getByLabel("When (CEL)");
  await when.fill("ammount >= 600.0");
  await page.getByRole("button", { name: "What would it have done?" }).click();
  await page.getByText(/no variable `ammount`/).waitFor();
  await when.fill("amount >= 600.0");
  await page.getByRole("button", { name: "What would it have done?" }).click();
  await page.locator(".report").getByText("decided otherwise").waitFor();
});

test("every other page has something to show", async () => {
  for (const [place, text] of [
    ["experiments", "Experiments"],
    ["health", "Data drift"],
    ["audit", "Newest signed head"],
  ]) {
    await page.goto(`${address}#/${place}`);
    await page.getByText(text).first().waitFor();
    await page.locator(".loading").waitFor({ state: "detached" });
    assert.equal(await page.locator(".failed").count(), 0, place);
  }
});

test("audit: a payment's proof and the head's signature hold, checked in the browser", async () => {
  const paid = await page.evaluate(async () => {
    const { cases } = await (await fetch("/v1/reviews?limit=1")).json();
    return cases[0].payments[0].transaction_id;
  });
  await page.goto(`${address}#/audit?payment=${encodeURIComponent(paid)}`);
  await page.getByText("✓ leads to the signed root").nth(1).waitFor();
  await page.locator(".facts").getByText(/✓ signed by audit-/).waitFor();
  assert.equal(await page.locator(".mark", { hasText: "✕" }).count(), 0);
});

test("history: what the parties of a payment did else", async () => {
  await page.goto(`${address}#/queue`);
  await queueReady(page);
  await page.keyboard.press("Enter");
  const history = page.locator("section", { has: page.locator("#history-title") });
  await history.locator("tbody tr.current").waitFor();
  const merchant = history.getByRole("button", { name: /^merchant/ });
  if (await merchant.isEnabled()) {
    await merchant.click();
    await history.locator("tbody tr").first().waitFor();
  }
});

test("logout ends the session", async () => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Access token").waitFor();
  await page.goto(`${address}#/queue`);
  await page.getByLabel("Access token").waitFor();
});

test("four eyes: whoever decided cannot approve it, somebody else can", async () => {
  await logIn(page, address, "lead");
  const desk = await colleague(address, "analyst2");
  const settings = (await desk.call("GET", "/v1/reviews/settings")).body;
  const large = await findLarge(desk, settings.four_eyes_above_hundredths);
  await page.goto(`${address}#/case/${large.case_id}`);
  await page.locator(".steps button", { hasText: "Fraud" }).waitFor();
  await page.keyboard.press("d");
  await dialog().waitFor();
  await page.keyboard.press("1");
  await page.getByText("Approve the decision").waitFor();
  await page.keyboard.press("A");
  await dialog().getByText("A second pair of eyes is needed").waitFor();
  await dialog().getByText("Nothing was changed").waitFor();
  await page.keyboard.press("Escape");
  const still = (await desk.call("GET", `/v1/reviews/${large.case_id}`)).body;
  assert.equal(still.status, "awaiting_approval");
});

async function findLarge(desk, bound) {
  let cursor = null;
  do {
    const { body } = await desk.call(
      "GET",
      `/v1/reviews?status=pending&limit=200${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`,
    );
    const found = body.cases.find(
      (one) => one.amount_hundredths > bound && !one.escalated && !one.lease && !one.assignee,
    );
    if (found) return found;
    cursor = body.next;
  } while (cursor);
  assert.fail("no pending case is above the four-eyes amount");
}

test("the one-time link of the first start logs in once", { skip: !TOKENS.once }, async () => {
  for (const works of [true, false]) {
    await stage.context.clearCookies();
    await page.goto("about:blank");
    await page.goto(`${address}#/login?once=${TOKENS.once}`);
    await (works ? page.locator("header.bar") : page.getByText("Not accepted")).waitFor();
    assert.ok(!page.url().includes("once"), "the secret does not stay in the address");
  }
});

test("colours: T goes from system to light to dark and stays", async () => {
  await logIn(page, address, "analyst", "#/rings");
  const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  await page.keyboard.press("T");
  const light = await ground();
  await page.keyboard.press("T");
  const dark = await ground();
  assert.notEqual(light, dark);
  await page.reload();
  await page.locator("header.bar").waitFor();
  assert.equal(await ground(), dark);
});

test("nothing was blocked by the content security policy, no error went uncaught", () => {
  assert.deepEqual(stage.complaints, []);
});
