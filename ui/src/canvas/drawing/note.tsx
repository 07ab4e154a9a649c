import { type NodeProps, NodeResizer, type Node as RFNode } from "@xyflow/react";
import { Check } from "lucide-react";
import { memo, type ReactNode, useEffect, useRef } from "react";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { changed, labelOf, NOTE, NOTE_COLOURS, type NoteColour, type Step } from "../graph";
import { OnCard } from "../later";
import { useFlow, useFlowControl } from "../store";
import { NodeMark } from "../versions/mark";

export type NoteNode = RFNode<{ step: Step; editable: boolean; threads: number; others: string }, "note">;

const GROUNDS: Record<NoteColour, string> = {
  sand: "bg-note-sand",
  sky: "bg-note-sky",
  mint: "bg-note-mint",
  rose: "bg-note-rose",
};

/** A text for people, anywhere on the drawing. Edited in place; it never runs. */
export const Note = memo(function Note({ id, selected, data }: NodeProps<NoteNode>) {
  const { step, editable, threads, others } = data;
  const control = useFlowControl();
  const editing = useFlow((flow) => flow.renaming === id) && editable;
  const text = typeof step.data.text === "string" ? step.data.text : "";
  const colour = NOTE_COLOURS.find((each) => each === step.data.color) ?? "sand";
  const set = (data: Step["data"], what: string, tag = "") =>
    control.edit(what, (flow) => changed(flow, new Set([id]), data), tag && `${id} ${tag}`);
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: F2 and Enter do the same by key
    <div
      data-card
      onDoubleClick={() => editable && control.renaming(id)}
      className={cn(
        "relative h-full w-full rounded-lg border text-ink text-sm shadow-card",
        GROUNDS[colour],
        selected && "border-accent-text ring-2 ring-accent-text",
      )}
    >
      <NodeResizer
        isVisible={selected && editable}
        minWidth={NOTE.minWidth}
        minHeight={NOTE.minHeight}
        onResizeStart={control.drag.start}
        onResizeEnd={() => control.drag.stop(t("Resize a note"))}
      />
      {editing ? (
        <TextArea
          value={text}
          label={t("Text of {step}", { step: labelOf(step) })}
          onChange={(next) =>
            set(
              { text: next, label: next.trim().split("\n")[0]?.slice(0, 60) || t("Note") },
              t("Edit a note"),
              "text",
            )
          }
          onDone={() => control.renaming(null)}
        />
      ) : (
        <div className="h-full overflow-hidden p-3">
          {text ? <Formatted text={text} /> : <p className="text-muted">{t("Empty note")}</p>}
        </div>
      )}
      {selected && editable && (
        <fieldset className="nodrag -top-9 absolute left-0 flex gap-0.5 rounded-md bg-raised p-0.5 shadow-pop">
          <legend className="sr-only">{t("Colour of the note")}</legend>
          {NOTE_COLOURS.map((each) => (
            <button
              key={each}
              type="button"
              aria-label={t("Colour {each}", { each })}
              aria-pressed={colour === each}
              onClick={() => set({ color: each }, t("Colour of a note"))}
              className={cn("grid size-6 place-items-center rounded-sm border", GROUNDS[each])}
            >
              {colour === each && <Check aria-hidden className="size-3.5" />}
            </button>
          ))}
        </fieldset>
      )}
      <NodeMark id={id} />
      {(threads > 0 || others) && <OnCard id={id} name={labelOf(step)} threads={threads} others={others} />}
    </div>
  );
});

type TextAreaProps = { value: string; label: string; onChange: (text: string) => void; onDone: () => void };

function TextArea({ value, label, onChange, onDone }: TextAreaProps) {
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    field.current?.focus();
    field.current?.select();
  }, []);
  return (
    <textarea
      ref={field}
      aria-label={label}
      value={value}
      maxLength={5000}
      placeholder={t("**bold**, `code`, # heading, - list")}
      onChange={(event) => onChange(event.target.value)}
      onBlur={onDone}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        event.currentTarget.closest<HTMLElement>(".react-flow__node")?.focus();
      }}
      className="nodrag nopan nowheel h-full w-full resize-none rounded-lg bg-transparent p-3 outline-none placeholder:text-muted"
    />
  );
}

/** Headings, lists, bold and code; nothing else, and never HTML. */
export function Formatted({ text }: { text: string }) {
  return (
    <div className="flex flex-col gap-1 break-words">
      {text.split("\n").map((line, at) => {
        const heading = /^#{1,3} (.*)/.exec(line);
        const item = /^[-*] (.*)/.exec(line);
        const key = at;
        if (heading) {
          return (
            <p key={key} className="font-semibold text-base">
              {inline(heading[1] ?? "")}
            </p>
          );
        }
        if (item) {
          return (
            <p key={key} className="flex gap-2">
              <span aria-hidden>•</span>
              <span className="min-w-0">{inline(item[1] ?? "")}</span>
            </p>
          );
        }
        return line.trim() ? <p key={key}>{inline(line)}</p> : <span key={key} className="h-1" />;
      })}
    </div>
  );
}

function inline(text: string): ReactNode[] {
  return text.split(/(\*\*[^*]+\*\*|`[^`]+`)/).map((part, at) => {
    const key = `${at} ${part}`;
    if (part.startsWith("**") && part.length > 4) return <strong key={key}>{part.slice(2, -2)}</strong>;
    if (part.startsWith("`") && part.length > 2) {
      return (
        <code key={key} className="rounded-sm bg-hover px-1 font-mono text-xs">
          {part.slice(1, -1)}
        </code>
      );
    }
    return part;
  });
}
