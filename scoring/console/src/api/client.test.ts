import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { get, post, wire } from "./client";
import { describe as tell, Problem } from "./problem";

const told = { answered: 0, lost: 0, expired: 0 };

beforeEach(() => {
  Object.assign(told, { answered: 0, lost: 0, expired: 0 });
  Object.assign(wire, {
    csrf: "secret",
    answered: () => told.answered++,
    lost: () => told.lost++,
    expired: () => told.expired++,
  });
});
afterEach(() => vi.unstubAllGlobals());

const answer = (status: number, body: unknown, type = "application/problem+json") => {
  const fetched = vi.fn(
    async () =>
      new Response(typeof body === "string" ? body : JSON.stringify(body), {
        status,
        headers: { "content-type": type },
      }),
  );
  vi.stubGlobal("fetch", fetched);
  return fetched;
};
const refusal = async (request: Promise<unknown>): Promise<Problem> => {
  const error = await request.then(
    () => null,
    (reason) => reason,
  );
  expect(error).toBeInstanceOf(Problem);
  return error;
};

describe("a request", () => {
  test("carries the CSRF token only where it changes something", async () => {
    const fetched = answer(200, {}, "application/json");
    await get("/v1/reviews", { text: "a&b", cursor: undefined, overdue: false });
    await post("/v1/reviews:next", {});
    const [[path, read], [, change]] = fetched.mock.calls as unknown as [[string, RequestInit], [string, RequestInit]];
    expect(path).toBe("/v1/reviews?text=a%26b&overdue=false");
    expect(read.headers).not.toHaveProperty("X-CSRF-Token");
    expect(change.headers).toMatchObject({ "X-CSRF-Token": "secret" });
  });

  test("that is stale brings the newer state", async () => {
    answer(409, {
      type: "",
      title: "conflict",
      status: 409,
      detail: "moved on",
      code: "stale",
      case: { case_id: "c1", version: 5 },
    });
    const problem = await refusal(post("/v1/reviews/c1:decide", {}));
    expect(problem).toMatchObject({ status: 409, code: "stale", newer: { version: 5 }, unreachable: false });
    expect(told).toEqual({ answered: 1, lost: 0, expired: 0 });
  });

  test("without a session ends it, but a wrong token at the login does not", async () => {
    answer(401, { title: "log in", status: 401, detail: "over" });
    await refusal(get("/v1/reviews"));
    await refusal(post("/v1/session", { token: "wrong" }));
    expect(told.expired).toBe(1);
  });

  test("that nobody answers counts as the service being away", async () => {
    vi.stubGlobal(
      "fetch",
      vi.fn(async () => {
        throw new TypeError("failed to fetch");
      }),
    );
    expect((await refusal(get("/v1/reviews"))).unreachable).toBe(true);
    answer(502, "<html>bad gateway</html>", "text/html");
    expect((await refusal(get("/v1/reviews"))).unreachable).toBe(true);
    expect(told).toMatchObject({ lost: 2, answered: 0 });
  });

  test("that the service itself puts off does not", async () => {
    answer(503, { title: "not yet", status: 503, detail: "newer than the newest head" });
    expect(await refusal(get("/v1/audit/proof"))).toMatchObject({
      status: 503,
      unreachable: false,
      detail: "newer than the newest head",
    });
    expect(told.lost).toBe(0);
  });
});

test("a refusal names every field at fault", () => {
  const problem = new Problem(422, "fields cannot be accepted", "1 of the fields", [
    { field: "rule.when", reason: "there is no variable `ammount`" },
  ]);
  expect(tell(problem)).toBe("rule.when: there is no variable `ammount`");
});

test("a body that is no JSON after all is still a refusal", async () => {
  answer(500, "{", "application/json");
  expect((await refusal(get("/v1/rings"))).status).toBe(500);
});
