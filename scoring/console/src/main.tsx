// Starts the console: listeners first, then the page.

import { render } from "solid-js/web";
import { App } from "./app";
import { startClock } from "./state/clock";
import { watchKeyboard } from "./state/keyboard";
import { watchRoute } from "./state/route";
import { watchService } from "./state/service";
import { watchSession } from "./state/session";
import { restoreTheme } from "./state/theme";
import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/controls.css";
import "./styles/shell.css";
import "./styles/parts.css";

restoreTheme();
watchRoute();
watchService();
watchSession();
watchKeyboard();
startClock();
render(() => <App />, document.getElementById("root")!);
