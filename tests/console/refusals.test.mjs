// What goes wrong in a day: others were faster, the session ends, the service is away, an id is hostile.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { colleague, logIn, openStage, queueReady, TOKENS } from "./stage.mjs";

let stage, page, address, desk;

before(async () => {
  stage = await openStage();
  ({ page, address } = stage);
  desk = await colleague(address, "analyst2");
  await logIn(page, address, "analyst");
});
after(() => stage.close());

const dialog = () => page.locator("dialog[open]");
const caseId = () => decodeURIComponent(/#\/case\/([^?]+)/.exec(page.url())[1]);
const read = async (id) => (await desk.call("GET", `/v1/reviews/${id}`)).body;
const openNext = async () => {
  const before = page.url();
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("n");
  await page.waitForFunction((url) => location.href !== url && location.hash.startsWith("#/case/"), before);
  await page.getByText("● you").waitFor();
  return caseId();
};

test("a stale version shows the newer state beside the seen one and overwrites nothing", async () => {
  const id = await openNext();
  await page.locator(".notes").waitFor();
  const noted = await desk.call("POST", `/v1/reviews/${id}:note`, {
    version: (await read(id)).version,
    text: "from another desk",
  });
  assert.equal(noted.status, 200);
  await page.keyboard.press("d");
  await page.keyboard.press("1");
  await dialog().getByText("moved on while you looked").waitFor();
  await dialog().getByRole("columnheader", { name: "As you saw it" }).waitFor();
  await dialog().getByText("As it is now").waitFor();
  assert.equal(await dialog().locator("tr.changed th", { hasText: "Version" }).count(), 1);
  assert.equal((await read(id)).status, "investigating", "nothing was decided");
  await dialog().getByRole("button", { name: "Go on with the newer state" }).click();
  await page.locator(".notes p", { hasText: "from another desk" }).waitFor();
  assert.equal((await read(id)).decision, null);
});

test("a case that somebody else holds is refused with who holds it", async () => {
  const { cases } = (await desk.call("GET", "/v1/reviews?status=pending&limit=50")).body;
  const target = cases.find((one) => !one.assignee && !one.escalated);
  await page.goto(`${address}#/case/${target.case_id}`);
  await page.locator(".steps button", { hasText: "Take" }).waitFor();
  const held = await desk.call("POST", `/v1/reviews/${target.case_id}:take`, { version: target.version });
  assert.equal(held.status, 200);
  await page.keyboard.press("t");
  await dialog()
    .getByText(/moved on|Somebody else holds/)
    .waitFor();
  await dialog()
    .getByText(new RegExp(`${desk.name} until`))
    .waitFor();
  await page.keyboard.press("Escape");
  await page.getByText(`● ${desk.name}`).waitFor();
});

test("an expired session leads over the login back to the same page, and the note is still there", async () => {
  await openNext();
  const place = page.url();
  await page.keyboard.press("m");
  await page.keyboard.type("half a sentence");
  await stage.context.clearCookies();
  await page.keyboard.press("Control+Enter");
  await page.getByText("Your session is over").waitFor();
  await page.getByLabel("Access token").fill(TOKENS.analyst);
  await page.keyboard.press("Enter");
  await page.getByLabel("New note").waitFor();
  assert.equal(page.url(), place);
  assert.equal(await page.getByLabel("New note").inputValue(), "half a sentence");
});

test("a service that is away: a banner, no lost text, and it goes on by itself", async () => {
  await page.getByLabel("New note").fill("written while nobody answered");
  await stage.context.route(/\/(v1|livez)/, (route) => route.abort());
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByText("The service does not answer.").waitFor();
  assert.equal(await page.getByLabel("New note").inputValue(), "written while nobody answered");
  await page.reload();
  await stage.context.unroute(/\/(v1|livez)/);
  await page.getByLabel("New note").waitFor();
  await page.getByText("The service does not answer.").waitFor({ state: "detached" });
  assert.equal(await page.getByLabel("New note").inputValue(), "written while nobody answered");
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.locator(".notes p", { hasText: "written while nobody answered" }).waitFor();
  assert.equal(await page.getByLabel("New note").inputValue(), "");
});

test("script in a note is shown as text", async () => {
  const hostile = `<img src=x onerror="document.title='run'"><script>document.title='run'</script>`;
  await page.getByLabel("New note").fill(hostile);
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.locator(".notes p", { hasText: "onerror" }).waitFor();
  assert.equal(await page.locator(".notes p").first().textContent(), hostile);
  assert.notEqual(await page.title(), "run");
});

test("script in a link's filter and in an id is shown as text", async () => {
  await page.goto(`${address}#/queue?text=${encodeURIComponent("<script>document.title='run'</script>")}`);
  await page.locator(".rows").waitFor();
  assert.equal(await page.getByPlaceholder(/Account, case/).inputValue(), "<script>document.title='run'</script>");
  await page.goto(`${address}#/case/${encodeURIComponent("<img src=x onerror=alert(1)>")}`);
  await page.getByText("Not here: the case").waitFor();
  assert.notEqual(await page.title(), "run");
});

test("an auditor reads everything and is offered nothing to change", async () => {
  await page.getByRole("button", { name: "Log out" }).click();
  await page.getByLabel("Access token").waitFor();
  await logIn(page, address, "auditor");
  await queueReady(page);
  assert.equal(await page.getByRole("button", { name: "Next case" }).count(), 0);
  await page.keyboard.press("Enter");
  await page.getByText("You may read this case, not change it.").waitFor();
  assert.equal(await page.getByRole("button", { name: /Fraud|Legitimate|Escalate/ }).count(), 0);
  assert.equal(await page.getByLabel("New note").count(), 0);
});

test("nothing was blocked by the content security policy, no error went uncaught", () => {
  assert.deepEqual(stage.complaints, []);
});
