import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";
import { compiled } from "./messages/po.ts";

const baton = process.env.BATON_DEV_TARGET ?? "http://127.0.0.1:8000";

/** A language is a file of messages and their translations. */
const catalogues: Plugin = {
  name: "catalogues",
  transform: (text, id) =>
    id.endsWith(".po")
      ? { code: `export default ${JSON.stringify(compiled(text))}`, map: null, moduleType: "js" }
      : null,
};

/** The app is imported once its language is known; the page need not wait for that to ask for its files. */
const early: Plugin = {
  name: "early",
  transformIndexHtml: {
    order: "post",
    handler(_, { bundle }) {
      const chunks = Object.values(bundle ?? {}).filter((each) => each.type === "chunk");
      const all = (name: string | undefined, seen = new Set<string>()): Set<string> => {
        const chunk = chunks.find(({ fileName }) => fileName === name);
        if (chunk && !seen.has(chunk.fileName)) {
          seen.add(chunk.fileName);
          for (const each of chunk.imports) all(each, seen);
        }
        return seen;
      };
      const entry = all(chunks.find(({ isEntry }) => isEntry)?.fileName);
      const app = all(
        chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith("/src/app.tsx"))?.fileName,
      );
      return [...app]
        .filter((name) => !entry.has(name))
        .map((name) => ({
          tag: "link",
          attrs: { rel: "modulepreload", crossorigin: true, href: `/${name}` },
          injectTo: "head",
        }));
    },
  },
};

export default defineConfig({
  plugins: [react(), tailwindcss(), catalogues, early],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "dist",
    target: "es2023",
    // light-dark() and oklch() stay as written: lowering them would double the style sheet.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // No data: addresses, so that the Content-Security-Policy needs no exception for fonts and images.
    assetsInlineLimit: 0,
    // Of the app the page itself asks, in `early`.
    modulePreload: { resolveDependencies: (name, deps) => (/\/app-/.test(name) ? [] : deps) },
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": baton, "/sign-in": baton, "/sign-out": baton, "/style.css": baton, "/readyz": baton },
  },
  test: { environment: "happy-dom", include: ["{src,messages}/**/*.test.{ts,tsx}"] },
});
