import { createContext, useContext } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";

/** What stands in the place of a value that a rule masks. */
export type Mark = { kind: string; size: number; rule: string };

/** Asks for what is masked at a path of the payload; null where nothing can be revealed. See `@/redaction`. */
export const Revealing = createContext<((path: string) => void) | null>(null);

const SHADE = "▒▒";
const SHADED = /▒▒([^▒:]+):(\d+)▒▒/;
const FIELD = "$masked";

/** The mark that `value` is, if it is one. */
export function markOf(value: unknown): Mark | null {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return null;
  const mark = (value as Record<string, unknown>)[FIELD];
  if (typeof mark !== "object" || mark === null) return null;
  const { kind, size, rule } = mark as Record<string, unknown>;
  return typeof kind === "string" && typeof size === "number" && typeof rule === "string"
    ? { kind, size, rule }
    : null;
}

/** Whether something in this text, or in this JSON as text, is masked. */
export function holdsMask(text: string): boolean {
  return text.includes(SHADE) || text.includes(`"${FIELD}"`);
}

/** A masked value: what it is of, how large, and a way to have it shown. */
export function Masked({ mark, path }: { mark: Mark; path: string }) {
  const ask = useContext(Revealing);
  const size = mark.size > 0 ? t(", size {mark}", { mark: mark.size }) : "";
  const words = t("Masked by {rule}: {kind}{size}", { rule: mark.rule, kind: mark.kind, size });
  const look =
    "inline-flex min-h-6 items-center gap-1 rounded-sm bg-sunken px-1.5 align-middle font-mono text-xs";
  const inside = (
    <>
      <span aria-hidden className="text-muted">
        {SHADE}
      </span>
      <span aria-hidden>{mark.rule}</span>
    </>
  );
  if (!ask)
    return (
      <span role="img" aria-label={words} title={words} className={cn(look, "text-muted")}>
        {inside}
      </span>
    );
  return (
    <button
      type="button"
      aria-label={t("{words}. Reveal", { words })}
      title={t("{words}. Reveal…", { words })}
      onClick={() => ask(path)}
      className={cn(look, "text-accent-text hover:bg-hover")}
    >
      {inside}
    </button>
  );
}

/** A text with its masked parts shown as such. `path` is where the text stands. */
export function MaskedText({ text, path }: { text: string; path: string }) {
  if (!text.includes(SHADE)) return <>{text}</>;
  const parts = text.split(SHADED);
  return (
    <>
      {parts.map((part, index) =>
        index % 3 === 0 ? (
          part
        ) : index % 3 === 1 ? (
          <Masked
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never move
            key={index}
            mark={{ kind: "text", size: Number(parts[index + 1]), rule: part }}
            path={path}
          />
        ) : null,
      )}
    </>
  );
}

const IN_JSON = /\{\s*"\$masked":\s*(\{[^{}]*\})\s*\}/;

/** JSON as text, its marks shown as such. Where each stands is not known, so all of the payload is asked for. */
export function MaskedJson({ text }: { text: string }) {
  if (!holdsMask(text)) return <>{text}</>;
  return (
    <>
      {text.split(IN_JSON).map((part, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a text never move
        <JsonPart key={index} text={part} mark={index % 2 === 1} />
      ))}
    </>
  );
}

function JsonPart({ text, mark }: { text: string; mark: boolean }) {
  const found = mark ? markOf({ [FIELD]: JSON.parse(text) }) : null;
  return found ? <Masked mark={found} path="" /> : <MaskedText text={text} path="" />;
}
