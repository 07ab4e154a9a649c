import { ArrowRight } from "lucide-react";
import { useEffect, useRef } from "react";
import { t } from "@/lib/text";
import { Panel } from "@/ui";
import { useFlowControl } from "../store";
import { useShow } from "../use-show";
import type { Difference, FieldChange, Mark } from "./diff";
import { MARKS } from "./mark";

/** Every change as a list, field by field; a node's entry shows it on the canvas. */
export function ChangesPanel({ difference, chosen }: { difference: Difference; chosen: string | undefined }) {
  const { nodes, wires, settings } = difference;
  const list = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (chosen)
      list.current
        ?.querySelector(`[data-change="${CSS.escape(chosen)}"]`)
        ?.scrollIntoView({ block: "nearest" });
  }, [chosen]);
  return (
    <Panel
      id="canvas-changes"
      title={t("Changes")}
      side="left"
      width={340}
      className="max-md:h-2/5 max-md:w-full! max-md:border-t max-md:border-r-0"
    >
      <div ref={list}>
        {nodes.length + wires.length + settings.length === 0 && (
          <p className="p-4 text-muted text-sm">{t("Nothing differs.")}</p>
        )}
        {nodes.length > 0 && (
          <ul aria-label={t("Changed nodes")} className="divide-y">
            {nodes.map((node) => (
              <NodeEntry key={node.id} {...node} />
            ))}
          </ul>
        )}
        {wires.length > 0 && (
          <ul aria-label={t("Changed wires")} className="divide-y border-t">
            {wires.map((wire) => (
              <li key={`${wire.mark} ${wire.id}`} className="flex items-start gap-2 px-4 py-2 text-sm">
                <Sign mark={wire.mark} />
                <span className="min-w-0 break-words">
                  {t("{word} wire: {from}", { word: MARKS[wire.mark].word, from: wire.from })}{" "}
                  <ArrowRight role="img" aria-label={t("to")} className="inline size-3.5 text-muted" />{" "}
                  {wire.to}
                  {wire.port !== "out" && <span className="text-muted"> ({wire.port})</span>}
                </span>
              </li>
            ))}
          </ul>
        )}
        {settings.length > 0 && (
          <section aria-label={t("Changes of the whole")} className="border-t px-4 py-2">
            <p className="text-sm">{t("Of the whole drawing")}</p>
            <Fields fields={settings} />
          </section>
        )}
      </div>
    </Panel>
  );
}

function NodeEntry({ id, label, mark, fields }: Difference["nodes"][number]) {
  const control = useFlowControl();
  const show = useShow();
  return (
    <li data-change={id} className="px-4 py-2.5">
      <button
        type="button"
        onClick={() => {
          control.select([id]);
          show(id);
        }}
        className="flex w-full items-start gap-2 rounded-sm text-left text-sm hover:underline"
      >
        <Sign mark={mark} />
        <span className="min-w-0 flex-1 break-words font-medium">{label}</span>
        <span className="text-muted text-xs">{MARKS[mark].word}</span>
      </button>
      <Fields fields={fields} />
    </li>
  );
}

function Sign({ mark }: { mark: Mark }) {
  const { icon: Icon, text } = MARKS[mark];
  return <Icon aria-hidden className={`mt-0.5 size-4 shrink-0 ${text}`} />;
}

function Fields({ fields }: { fields: readonly FieldChange[] }) {
  if (fields.length === 0) return null;
  return (
    <dl className="mt-1.5 flex flex-col gap-2 pl-6">
      {fields.map(({ path, before, after }) => (
        <div key={path}>
          <dt className="break-all text-muted text-xs">{path}</dt>
          <dd className="grid gap-0.5 font-mono text-xs">
            <Value sign="−" word={t("before")} value={before} tone="text-st-failed" />
            <Value sign="+" word={t("after")} value={after} tone="text-st-done" />
          </dd>
        </div>
      ))}
    </dl>
  );
}

const LIMIT = 400;

function Value({ sign, word, value, tone }: { sign: string; word: string; value: unknown; tone: string }) {
  if (value === undefined) return null;
  const text = typeof value === "string" ? value : JSON.stringify(value, null, 1);
  return (
    <span className={`flex gap-1.5 ${tone}`}>
      <span aria-hidden>{sign}</span>
      <span className="sr-only">{word}:</span>
      <span className="min-w-0 whitespace-pre-wrap break-words">
        {text === "" ? t("(empty)") : text.length > LIMIT ? `${text.slice(0, LIMIT)}…` : text}
      </span>
    </span>
  );
}
