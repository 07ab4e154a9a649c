import {
  autocompletion,
  type CompletionSource,
  closeBrackets,
  completionKeymap,
  startCompletion,
} from "@codemirror/autocomplete";
import { defaultKeymap, history, historyKeymap } from "@codemirror/commands";
import { json, jsonParseLinter } from "@codemirror/lang-json";
import { bracketMatching, HighlightStyle, StreamLanguage, syntaxHighlighting } from "@codemirror/language";
import { jinja2 } from "@codemirror/legacy-modes/mode/jinja2";
import { linter } from "@codemirror/lint";
import { searchKeymap } from "@codemirror/search";
import { Compartment, EditorState, type Extension } from "@codemirror/state";
import { EditorView, keymap, lineNumbers, placeholder as placeholderText } from "@codemirror/view";
import { tags } from "@lezer/highlight";
import { useEffect, useRef } from "react";
import { t } from "@/lib/text";
import { useField } from "./field";

export type CodeEditorProps = {
  value: string;
  onChange?: (value: string) => void;
  onBlur?: () => void;
  language?: "json" | "jinja" | "text";
  readOnly?: boolean;
  lineNumbers?: boolean;
  minHeight?: number;
  maxHeight?: number;
  placeholder?: string;
  /** The name, where no Field gives one. */
  label?: string;
  /** Where completions come from; see `expressionCompletions` of the forms. */
  complete?: CompletionSource;
  /** Further CodeMirror extensions: keep the array's identity. */
  extensions?: Extension;
  /** Given when it appears: it takes the focus, with the cursor there, and offers what may follow. */
  focusAt?: number;
  /** The view, for drops and for inserting at the cursor. */
  onReady?: (view: EditorView) => void;
};

const colours = HighlightStyle.define([
  { tag: [tags.string, tags.special(tags.string)], color: "var(--st-done)" },
  { tag: [tags.number, tags.bool, tags.null], color: "var(--st-running)" },
  { tag: [tags.propertyName, tags.attributeName], color: "var(--ink)" },
  { tag: [tags.keyword, tags.operator, tags.processingInstruction, tags.meta], color: "var(--accent-text)" },
  { tag: tags.variableName, color: "var(--st-waiting)" },
  { tag: tags.comment, color: "var(--muted)", fontStyle: "italic" },
]);

const look = EditorView.theme({
  "&": {
    fontSize: "12px",
    color: "var(--ink)",
    backgroundColor: "var(--surface)",
    borderRadius: "6px",
    border: "1px solid color-mix(in oklch, var(--edge) 60%, transparent)",
  },
  "&.cm-focused": { outline: "2px solid var(--accent-text)", outlineOffset: "0" },
  ".cm-scroller": { fontFamily: "var(--font-mono)", lineHeight: "1.6", overflow: "auto" },
  ".cm-content": { padding: "6px 0", caretColor: "var(--ink)" },
  ".cm-line": { padding: "0 10px" },
  ".cm-cursor": { borderLeftColor: "var(--ink)" },
  ".cm-gutters": { backgroundColor: "transparent", color: "var(--muted)", border: "none" },
  ".cm-placeholder": { color: "var(--muted)" },
  "&.cm-focused .cm-selectionBackground, .cm-selectionBackground": {
    backgroundColor: "color-mix(in oklch, var(--accent) 25%, transparent) !important",
  },
  ".cm-tooltip": {
    backgroundColor: "var(--raised)",
    border: "none",
    borderRadius: "8px",
    boxShadow: "var(--shadow-pop)",
    overflow: "hidden",
  },
  ".cm-tooltip-autocomplete ul li[aria-selected]": { backgroundColor: "var(--hover)", color: "var(--ink)" },
  ".cm-tooltip.cm-tooltip-autocomplete > ul > li": { padding: "3px 8px" },
  ".cm-tooltip-autocomplete > ul": { fontFamily: "var(--font-mono)" },
  ".cm-completionDetail": { color: "var(--muted)", fontStyle: "normal" },
  ".cm-panels": { backgroundColor: "var(--sunken)", color: "var(--ink)" },
});

const LANGUAGES = {
  json: [json(), linter(jsonParseLinter(), { delay: 400 })],
  jinja: [StreamLanguage.define(jinja2)],
  text: [],
} satisfies Record<string, Extension>;

/** The editor itself; import `CodeEditor`, which loads this when it is needed. */
export default function CodeEditorImpl(props: CodeEditorProps) {
  const {
    value,
    language = "text",
    readOnly = false,
    minHeight = 34,
    maxHeight = 360,
    complete,
    extensions,
  } = props;
  const host = useRef<HTMLDivElement>(null);
  const view = useRef<EditorView | null>(null);
  const latest = useRef(props);
  const parts = useRef({
    language: new Compartment(),
    editable: new Compartment(),
    extra: new Compartment(),
    named: new Compartment(),
  });
  const field = useField();
  latest.current = props;

  // biome-ignore lint/correctness/useExhaustiveDependencies: made once; what changes later is handed over by the effects below
  useEffect(() => {
    if (!host.current) return;
    const { language: languagePart, editable, extra, named } = parts.current;
    const made = new EditorView({
      parent: host.current,
      state: EditorState.create({
        doc: value,
        extensions: [
          history(),
          bracketMatching(),
          closeBrackets(),
          autocompletion({
            override: complete ? [(context) => latest.current.complete?.(context) ?? null] : undefined,
            icons: false,
          }),
          // No Tab: it leaves the field.
          keymap.of([...completionKeymap, ...defaultKeymap, ...historyKeymap, ...searchKeymap]),
          syntaxHighlighting(colours),
          look,
          EditorView.lineWrapping,
          named.of(EditorView.contentAttributes.of(attributesOf(field, props.label))),
          EditorView.theme({
            "&": { minHeight: `${minHeight}px` },
            ".cm-scroller": { maxHeight: `${maxHeight}px` },
          }),
          props.lineNumbers ? lineNumbers() : [],
          props.placeholder ? placeholderText(props.placeholder) : [],
          languagePart.of(LANGUAGES[language]),
          editable.of(locked(readOnly)),
          extra.of(extensions ?? []),
          EditorView.updateListener.of((update) => {
            if (update.docChanged) latest.current.onChange?.(update.state.doc.toString());
            if (update.focusChanged && !update.view.hasFocus) latest.current.onBlur?.();
          }),
        ],
      }),
    });
    view.current = made;
    latest.current.onReady?.(made);
    if (props.focusAt !== undefined) {
      made.focus();
      made.dispatch({ selection: { anchor: Math.min(props.focusAt, made.state.doc.length) } });
      if (complete) startCompletion(made);
    }
    return () => {
      view.current = null;
      made.destroy();
    };
  }, []);

  useEffect(() => {
    const now = view.current;
    if (!now || now.state.doc.toString() === value) return;
    now.dispatch({ changes: { from: 0, to: now.state.doc.length, insert: value } });
  }, [value]);

  useEffect(() => {
    const { language: languagePart, editable, extra } = parts.current;
    view.current?.dispatch({
      effects: [
        languagePart.reconfigure(LANGUAGES[language]),
        editable.reconfigure(locked(readOnly)),
        extra.reconfigure(extensions ?? []),
      ],
    });
  }, [language, readOnly, extensions]);

  const { label } = props;
  const described = field["aria-describedby"];
  const invalid = field["aria-invalid"];
  // biome-ignore lint/correctness/useExhaustiveDependencies: of the field, these are what changes
  useEffect(() => {
    const attributes = EditorView.contentAttributes.of(attributesOf(field, label));
    view.current?.dispatch({ effects: parts.current.named.reconfigure(attributes) });
  }, [label, described, invalid]);

  return (
    <div
      ref={host}
      id={field.id}
      className={invalid ? "min-w-0 rounded-md [&>.cm-editor]:border-st-failed!" : "min-w-0"}
    />
  );
}

function attributesOf(field: ReturnType<typeof useField>, label: string | undefined) {
  const attributes: Record<string, string> = { role: "textbox", "aria-multiline": "true" };
  if (field["aria-labelledby"] && !label) attributes["aria-labelledby"] = field["aria-labelledby"];
  else attributes["aria-label"] = label ?? t("Text");
  if (field["aria-describedby"]) attributes["aria-describedby"] = field["aria-describedby"];
  if (field["aria-invalid"]) attributes["aria-invalid"] = "true";
  return attributes;
}

function locked(readOnly: boolean): Extension {
  return [EditorState.readOnly.of(readOnly), EditorView.editable.of(!readOnly)];
}
