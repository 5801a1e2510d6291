import { defineConfig } from "vitest/config";
import solid from "vite-plugin-solid";

// The service serves dist/ below /console/ under a strict content security policy:
// nothing may be inlined, neither scripts nor small images nor the preload polyfill.
export default defineConfig({
  base: "/console/",
  plugins: [solid({ hot: false })],
  build: {
    target: "es2022",
    // light-dark() as it is written; these know it.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    cssCodeSplit: true,
    reportCompressedSize: true,
  },
  server: { proxy: { "^/(v1|readyz|metrics)": "http://127.0.0.1:8080" } },
  test: { include: ["src/**/*.test.ts"], environment: "node" },
});
