// The bar at the top: pages, the next case, who one is.

import { For, Show } from "solid-js";
import type { Session } from "./api/session";
import { describe } from "./api/problem";
import { PAGES } from "./pages";
import { route } from "./state/route";
import { endSession, home, may } from "./state/session";
import { nextTheme, theme } from "./state/theme";
import { tell } from "./state/toasts";
import { getNext } from "./work/next";

const THEME_SIGN = { system: "◐", light: "☀", dark: "☾" };

export function Header(props: { who: Session; showKeys: () => void }) {
  const current = (page: string) => route().path[0] === page || (page === "queue" && route().path[0] === "case");
  const leave = () => void endSession().catch((error) => tell(describe(error), "bad"));
  return (
    <header class="bar">
      <a class="brand" href={home()}>
        fraudnet
      </a>
      <nav aria-label="Pages">
        <For each={PAGES.filter(({ needs }) => may(needs))}>
          {({ path, title }) => (
            <a href={`#/${path}`} aria-current={current(path) ? "page" : undefined}>
              {title}
            </a>
          )}
        </For>
      </nav>
      <Show when={may("work-cases")}>
        <button type="button" class="primary" onClick={() => void getNext()}>
          Next case <kbd>n</kbd>
        </button>
      </Show>
      <span class="who" title={`roles: ${props.who.roles.join(", ")}`}>
        <strong>{props.who.name}</strong>{" "}
        <span class="quiet">
          {props.who.roles.join(", ")} · {props.who.tenant}
        </span>
      </span>
      <button
        type="button"
        class="bare"
        onClick={nextTheme}
        aria-label={`Colours: ${theme()}. Change`}
        title={`Colours: ${theme()} (T)`}
      >
        {THEME_SIGN[theme()]}
      </button>
      <button
        type="button"
        class="bare"
        onClick={() => props.showKeys()}
        aria-label="Show all keys"
        title="All keys (?)"
      >
        ?
      </button>
      <button type="button" class="bare" onClick={leave}>
        Log out
      </button>
    </header>
  );
}
