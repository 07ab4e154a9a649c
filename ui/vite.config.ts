import { fileURLToPath } from "node:url";
import tailwindcss from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const baton = process.env.BATON_DEV_TARGET ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react(), tailwindcss()],
  resolve: { alias: { "@": fileURLToPath(new URL("./src", import.meta.url)) } },
  build: {
    outDir: "dist",
    target: "es2023",
    // light-dark() and oklch() stay as written: lowering them would double the style sheet.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    // No data: addresses, so that the Content-Security-Policy needs no exception for fonts and images.
    assetsInlineLimit: 0,
    chunkSizeWarningLimit: 700,
  },
  server: {
    host: "127.0.0.1",
    proxy: { "/api": baton, "/sign-in": baton, "/sign-out": baton, "/style.css": baton, "/readyz": baton },
  },
  test: { environment: "happy-dom", include: ["src/**/*.test.{ts,tsx}"] },
});
