import { loadLanguage } from "@/lib/language";
import "@/styles/index.css";

/** First the language: modules have texts that are read when they are evaluated. */
async function start(root: Element): Promise<void> {
  await loadLanguage();
  const { show } = await import("@/app");
  show(root);
}

const root = document.getElementById("root");
if (root) void start(root);
