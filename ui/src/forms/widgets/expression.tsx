import type { CompletionContext, CompletionResult } from "@codemirror/autocomplete";
import type { EditorView } from "@codemirror/view";
import { Maximize2 } from "lucide-react";
import { type FocusEvent, type KeyboardEvent, useRef, useState } from "react";
import type { JsonObject } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Button, CodeEditor, Dialog, Field, IconButton, Input, preloadCodeEditor } from "@/ui";
import { useFormSurroundings, useInsertPlace } from "../context";
import { insideExpression, isTemplate, suggestions } from "../paths";
import { Preview, useRendered } from "../preview";
import { titleOf } from "../schema";
import { useFieldError } from "../schema-form";
import type { WidgetProps } from "../types";

/** Text that may hold {{ expressions }}: a plain field until one is typed, then an editor that knows the sample's data. */
export function ExpressionWidget({
  value,
  onChange,
  name,
  path,
  nullable,
  schema,
  required,
  disabled,
}: WidgetProps<string | null>) {
  const { scope, sample } = useFormSurroundings();
  const text = value ?? "";
  const code = schema["x-options"]?.language !== undefined || schema["x-widget"] === "code";
  const [wanted, setWanted] = useState<boolean | null>(null);
  const [caret, setCaret] = useState<number>();
  const [big, setBig] = useState(false);
  const view = useRef<EditorView | null>(null);
  const rendered = useRendered(text);
  const expression = code || isTemplate(text) || (wanted ?? false);
  const title = titleOf(name, schema);
  const set = (next: string) => onChange(next === "" && nullable ? null : next);

  const insert = (field: string, at?: { x: number; y: number }) => {
    const editor = expression ? view.current : null;
    const document = editor?.state.doc.toString() ?? text;
    const place = (at && editor?.posAtCoords(at)) ?? editor?.state.selection.main.head ?? document.length;
    const untouched = schema.default !== undefined && document === schema.default;
    const piece = insideExpression(document, place)
      ? field
      : code && !quoted(document, place)
        ? `{{ ${field} | tojson }}`
        : `{{ ${field} }}`;
    if (untouched && !insideExpression(document, place)) set(piece);
    else set(document.slice(0, place) + piece + document.slice(place));
    setCaret(undefined);
  };
  const drop = useInsertPlace(title, insert, disabled);

  const type = (next: string, at: number) => {
    if (text === "" && next === "=") {
      setCaret(3);
      return set("{{  }}");
    }
    if (next.slice(0, at).endsWith("{{") && !next.slice(at).includes("}}")) {
      setCaret(at + 1);
      return set(`${next.slice(0, at)}  }}${next.slice(at)}`);
    }
    if (isTemplate(next)) setCaret(at);
    set(next);
  };
  const toggle = () => {
    if (!expression) {
      setWanted(true);
      if (text === "") {
        setCaret(3);
        set("{{  }}");
      } else setCaret(text.length);
      return;
    }
    setWanted(false);
    if (!isTemplate(text)) return;
    const now = rendered?.problems.length ? undefined : rendered?.value;
    set(typeof now === "string" ? now : now === undefined || now === null ? "" : JSON.stringify(now));
  };
  const onKeyDown = (event: KeyboardEvent) => {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "e") return;
    event.preventDefault();
    event.stopPropagation();
    setBig(true);
  };
  const editor = {
    value: text,
    onChange: set,
    language: "jinja" as const,
    readOnly: disabled,
    complete: (context: CompletionContext) => completed(context, scope ?? sample?.context ?? {}),
  };
  return (
    <Field
      label={title}
      hint={schema.description}
      error={useFieldError(path)}
      required={required}
      aside={
        <span className="flex items-center gap-0.5">
          {expression && (
            <IconButton
              label={t("Open {title} in the big editor", { title })}
              shortcut="mod+e"
              icon={Maximize2}
              size="sm"
              onClick={() => setBig(true)}
            />
          )}
          {!code && (
            <Button
              variant="ghost"
              size="sm"
              aria-label={t("Expression for {title}", { title })}
              aria-pressed={expression}
              disabled={disabled}
              className={cn("h-6 px-1.5 font-mono italic", expression && "bg-pressed text-accent-text")}
              onClick={toggle}
            >
              {t("fx")}
            </Button>
          )}
        </span>
      }
    >
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the field inside has the role */}
      <div
        {...drop.props}
        onKeyDown={onKeyDown}
        onFocus={inSight}
        className={cn("min-w-0 rounded-md", drop.over && "outline-2 outline-accent outline-dashed")}
      >
        {expression ? (
          <CodeEditor
            {...editor}
            minHeight={code ? 72 : 34}
            focusAt={caret}
            onReady={(made) => {
              view.current = made;
            }}
          />
        ) : (
          <Input
            value={text}
            disabled={disabled}
            placeholder={schema.examples?.[0] === undefined ? undefined : String(schema.examples[0])}
            onFocus={preloadCodeEditor}
            onChange={(event) =>
              type(event.target.value, event.target.selectionStart ?? event.target.value.length)
            }
          />
        )}
      </div>
      <Preview text={text} />
      {big && (
        <Dialog
          open
          onOpenChange={setBig}
          title={title}
          description={schema.description}
          size="lg"
          footer={
            <Button variant="primary" onClick={() => setBig(false)}>
              {t("Done")}
            </Button>
          }
        >
          <div className="flex flex-col gap-2">
            <CodeEditor
              {...editor}
              label={title}
              lineNumbers
              minHeight={260}
              maxHeight={460}
              focusAt={text.length}
            />
            {!rendered || rendered.problems.length > 0 ? <Preview text={text} /> : null}
            {rendered && rendered.problems.length === 0 && (
              <pre className="max-h-52 overflow-auto rounded-md bg-sunken p-3 font-mono text-xs">
                {typeof rendered.value === "string"
                  ? rendered.value
                  : JSON.stringify(rendered.value, null, 2)}
              </pre>
            )}
          </div>
        </Dialog>
      )}
    </Field>
  );
}

/** With what stands under it: the live value. */
function inSight(event: FocusEvent<HTMLElement>): void {
  const place = event.currentTarget.closest("[data-field]");
  window.requestAnimationFrame(() => place?.scrollIntoView({ block: "nearest" }));
}

/** Between the quotes of a JSON text. */
function quoted(text: string, at: number): boolean {
  const line = text.slice(text.lastIndexOf("\n", at - 1) + 1, at);
  return (line.replace(/\\./g, "").match(/"/g)?.length ?? 0) % 2 === 1;
}

function completed(context: CompletionContext, scope: JsonObject): CompletionResult | null {
  const text = context.state.doc.toString();
  const found = suggestions(text, context.pos, scope, context.explicit);
  if (found.length === 0) return null;
  const from = Math.max(...found.map((each) => each.from));
  return {
    from,
    validFor: /^\w*$/,
    options: found.map((each) => ({
      label: each.label,
      detail: each.detail,
      type: "property",
      apply: (view: EditorView, _: unknown, start: number, end: number) => {
        const begin = start - (from - each.from);
        view.dispatch({
          changes: { from: begin, to: end, insert: each.insert },
          selection: { anchor: begin + each.insert.length },
          userEvent: "input.complete",
        });
      },
    })),
  };
}
