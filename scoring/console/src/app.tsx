// The shell around every page: who is at work, where they are, and the dialogs any page can open.

import { createEffect, createSignal, ErrorBoundary, lazy, Match, on, onMount, Show, Suspense, Switch } from "solid-js";
import { Failed } from "./components/loaded";
import { KeyOverlay } from "./components/keys";
import { Toasts } from "./components/toasts";
import { Login } from "./login/login";
import { maySee, PAGES, titleOf } from "./pages";
import { bindKeys } from "./state/keyboard";
import { go, route, writeRoute } from "./state/route";
import { home, may, resumeSession, returnPlace, session } from "./state/session";
import { down, recoveries } from "./state/service";
import { loadSettings } from "./state/settings";
import { nextTheme } from "./state/theme";
import { getNext } from "./work/next";
import { Header } from "./header";

const Queue = lazy(() => import("./queue/queue"));
const CasePage = lazy(() => import("./case/case"));
const Rings = lazy(() => import("./rings/rings"));
const RingPage = lazy(() => import("./rings/ring"));
const Rules = lazy(() => import("./rules/rules"));
const Experiments = lazy(() => import("./experiments/experiments"));
const Health = lazy(() => import("./health/health"));
const Audit = lazy(() => import("./audit/audit"));
const Dialogs = lazy(() => import("./work/dialogs"));

export function App() {
  // Who one is must be known before anybody logs in: a late "nobody" would end the session just begun.
  const [known, setKnown] = createSignal(false);
  const [keys, showKeys] = createSignal(false);

  const begin = () =>
    resumeSession().then(
      () => setKnown(true),
      () => {},
    );
  onMount(begin);
  createEffect(on(recoveries, () => !known() && void begin(), { defer: true }));
  createEffect(() => (document.title = titleOf(route().path)));
  createEffect(() => may("read-cases") && void loadSettings().catch(() => {}));
  // Whoever brings a one-time link comes in by it, also where they may look around without.
  const entering = () => route().path[0] === "login" && route().query.has("once");
  createEffect(() => {
    if (session() && route().path[0] === "login" && !entering()) go(returnPlace(route().query.get("return")), { replace: true });
    if (session() && route().path.length === 0) go(home(), { replace: true });
  });

  const to = (page: string) => () => go(writeRoute([page]));
  bindKeys("everywhere", {
    keys: () => showKeys(true),
    theme: nextTheme,
    next: () => may("work-cases") && void getNext(),
    "go queue": to("queue"),
    "go rings": to("rings"),
    "go rules": to("rules"),
    "go experiments": to("experiments"),
    "go health": to("health"),
    "go audit": to("audit"),
  });

  return (
    <>
      <a
        class="skip"
        href="#main"
        onClick={(event) => {
          event.preventDefault();
          document.getElementById("main")?.focus();
        }}
      >
        Skip to the page
      </a>
      <Show when={!entering() && session()}>{(who) => <Header who={who()} showKeys={() => showKeys(true)} />}</Show>
      <Show when={down()}>
        <div class="banner" role="alert">
          <strong>▲ The service does not answer.</strong> What you typed is kept. This page goes on by itself as soon as
          it is back.
        </div>
      </Show>
      <main id="main" tabindex="-1">
        <Show
          when={session() && !entering()}
          fallback={
            <Show when={known()}>
              <Login />
            </Show>
          }
        >
          <ErrorBoundary fallback={(error, reset) => <Failed what="this page" error={error} retry={reset} />}>
            <Suspense
              fallback={
                <p class="loading" aria-busy="true">
                  Loading …
                </p>
              }
            >
              <Show when={maySee(route().path[0], may)} fallback={<NotYours />}>
                <Page />
              </Show>
            </Suspense>
            <Suspense>
              <Dialogs />
            </Suspense>
          </ErrorBoundary>
        </Show>
      </main>
      <Toasts />
      <KeyOverlay open={keys()} close={() => showKeys(false)} />
    </>
  );
}

function Page() {
  const at = (index: number) => route().path[index];
  return (
    <Switch fallback={<NotHere />}>
      <Match when={at(0) === "queue"}>
        <Queue />
      </Match>
      <Match when={at(0) === "case" && at(1)}>{(id) => <CasePage id={id()} />}</Match>
      <Match when={at(0) === "rings" && at(1)}>{(id) => <RingPage id={id()} />}</Match>
      <Match when={at(0) === "rings"}>
        <Rings />
      </Match>
      <Match when={at(0) === "rules"}>
        <Rules />
      </Match>
      <Match when={at(0) === "experiments"}>
        <Experiments />
      </Match>
      <Match when={at(0) === "health"}>
        <Health />
      </Match>
      <Match when={at(0) === "audit"}>
        <Audit />
      </Match>
    </Switch>
  );
}

function NotHere() {
  return (
    <div class="failed">
      <strong>There is no such page.</strong> <a href={home()}>Go to where you begin</a>
    </div>
  );
}

function NotYours() {
  const some = () => PAGES.some(({ needs }) => may(needs));
  return (
    <p class="empty">
      {some() ? "Your roles do not show you this page." : "Your roles show you nothing here."} Ask an administrator for
      one that does.
    </p>
  );
}
