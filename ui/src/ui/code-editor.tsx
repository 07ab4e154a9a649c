import { lazy, Suspense } from "react";
import type { CodeEditorProps } from "./code-editor-impl";
import { CONTROL } from "./field";

const load = () => import("./code-editor-impl");
const Impl = lazy(load);

/** Begin to fetch it: somebody is about to need it. */
export function preloadCodeEditor(): void {
  void load();
}

/** CodeMirror, fetched with the first field that needs it; until then the plain text. Tab leaves the field, as everywhere. */
export function CodeEditor(props: CodeEditorProps) {
  return (
    <Suspense
      fallback={
        <pre
          className={`${CONTROL} overflow-auto py-1.5 font-mono text-xs`}
          style={{ minHeight: props.minHeight }}
        >
          {props.value}
        </pre>
      }
    >
      <Impl {...props} />
    </Suspense>
  );
}

export type { CodeEditorProps };
