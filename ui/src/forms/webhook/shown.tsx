import { useState } from "react";
import { t } from "@/lib/text";
import { CopyButton, Once, Segmented } from "@/ui";
import type { Auth } from "./modes";
import { type Recipe, recipeOf } from "./recipe";

type Tool = keyof Omit<Recipe, "lines">;
const TOOLS: { value: Tool; label: string }[] = [
  { value: "curl", label: t("curl") },
  { value: "n8n", label: "n8n" },
  { value: "make", label: t("Make") },
];

/** A new secret, this once, with what its sender has to do. */
export function ShownSecret({ auth, secret }: { auth: Auth; secret: string }) {
  const [tool, setTool] = useState<Tool>("curl");
  const recipe = recipeOf(auth, secret);
  return (
    <section aria-label={t("The new secret")} className="flex min-w-0 flex-col gap-2.5 rounded-lg border p-3">
      <p className="font-medium text-sm">{t("Copy it now. It cannot be shown again.")}</p>
      <Once id="signing-secret" copy={<CopyButton text={secret} label={t("Copy secret")} />}>
        {secret}
      </Once>
      <p className="text-muted text-xs">{t("The sender adds to every call:")}</p>
      <ul className="flex flex-col gap-1">
        {recipe.lines.map((line) => (
          <li key={line} className="break-words font-mono text-xs">
            {line}
          </li>
        ))}
      </ul>
      <div className="flex items-center justify-between">
        <Segmented label={t("Example for")} value={tool} onChange={setTool} options={TOOLS} />
        <CopyButton text={recipe[tool]} label={t("Copy example")} />
      </div>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, and a keyboard has to reach that */}
      <pre tabIndex={0} className="max-h-56 overflow-auto rounded-md bg-sunken p-2.5 font-mono text-xs">
        {recipe[tool]}
      </pre>
    </section>
  );
}
