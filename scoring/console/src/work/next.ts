// Get-next: the most pressing case of the queue as it is filtered, held by nobody else from that moment on.

import { takeNext } from "../api/cases";
import { describe, Problem } from "../api/problem";
import { readFilter } from "../queue/filter";
import { go, route, writeRoute } from "../state/route";
import { tell } from "../state/toasts";
import { caseChanged } from "./perform";

// The filter one works by stays in force while one is in a case.
let lastQuery = new URLSearchParams();

export async function getNext(): Promise<void> {
  const { path, query } = route();
  if (path[0] === "queue") lastQuery = query;
  try {
    const found = await takeNext(readFilter(lastQuery));
    // It may be the case that is on the screen already.
    caseChanged(found);
    go(writeRoute(["case", found.case_id]));
  } catch (error) {
    if (error instanceof Problem && error.code === "nothing_to_take") {
      tell("Nothing to take: no open case matches that nobody else holds.");
    } else if (!(error instanceof Problem && (error.unreachable || error.status === 401))) {
      tell(describe(error), "bad");
    }
  }
}
