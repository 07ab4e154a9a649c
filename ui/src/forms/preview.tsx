import { useQuery } from "@tanstack/react-query";
import { CircleAlert } from "lucide-react";
import { useEffect, useState } from "react";
import { mapQuery, renderQuery } from "@/api/queries";
import type { Mapped, Schemas } from "@/api/types";
import { t } from "@/lib/text";
import { useFormSurroundings } from "./context";
import { isTemplate, singlePath } from "./paths";

/** `value` once it has stayed the same for a moment. */
export function useSettled<T>(value: T, wait = 100): T {
  const [settled, setSettled] = useState(value);
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(value), wait);
    return () => window.clearTimeout(timer);
  }, [value, wait]);
  return settled;
}

/** What a template gives on the sample; undefined while nobody knows. */
export function useRendered(text: string) {
  const { sample } = useFormSurroundings();
  const settled = useSettled(text);
  const wanted = isTemplate(settled);
  const { data } = useQuery({
    ...renderQuery(settled, sample?.key ?? "", sample?.context ?? {}),
    enabled: wanted && Boolean(sample),
  });
  return wanted && isTemplate(text) ? data : undefined;
}

/** What mappings give on the sample, row by row. */
export function useMapped(mappings: Schemas["MapRequest"]["mappings"]): Mapped | undefined {
  const { sample } = useFormSurroundings();
  const settled = useSettled(mappings);
  const { data } = useQuery({
    ...mapQuery(settled, sample?.key ?? "", sample?.context ?? {}),
    enabled: Boolean(sample) && settled.length > 0,
  });
  return settled.length > 0 ? data : undefined;
}

/** The live value of a template, under its field: grey while there is no data, red where it can never work. */
export function Preview({ text }: { text: string }) {
  const { sample } = useFormSurroundings();
  const result = useRendered(text);
  if (!isTemplate(text) || sample === undefined) return null;
  const path = singlePath(text);
  const problem = result?.problems[0];
  return (
    <div aria-live="polite" data-preview className="flex min-h-5 min-w-0 items-baseline gap-1.5 text-xs">
      {path && (
        <code className="max-w-[60%] shrink-0 truncate rounded-sm bg-sunken px-1.5 font-mono" title={path}>
          {path}
        </code>
      )}
      {problem ? (
        problem.undefined && !sample?.whole ? (
          <span className="text-muted">{t("No sample yet: run the steps before, or paste an example.")}</span>
        ) : (
          <span className={`flex min-w-0 gap-1 ${problem.undefined ? "text-st-waiting" : "text-st-failed"}`}>
            <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
            <span className="min-w-0 break-words">
              {problem.message}
              {problem.hint && <span className="text-muted"> {problem.hint}</span>}
            </span>
          </span>
        )
      ) : result ? (
        <Value value={result.value} />
      ) : (
        <span className="text-muted">{sample ? "…" : t("No sample yet.")}</span>
      )}
    </div>
  );
}

/** A value in one line, cut. */
export function Value({ value }: { value: unknown }) {
  const text = typeof value === "string" ? value : (JSON.stringify(value) ?? "");
  const cut = text.length > 200 ? `${text.slice(0, 199)}…` : text;
  return (
    <span className="min-w-0 truncate font-mono text-st-done" title={cut}>
      <span aria-hidden className="text-muted">
        ={" "}
      </span>
      {cut === "" ? <span className="text-muted">{t("(empty text)")}</span> : cut}
    </span>
  );
}
