import { CodeEditor } from "@/ui";
import { useFormSurroundings } from "../context";
import type { WidgetProps } from "../types";

/** A template: text with {{ expressions }}, completed from what the form's surroundings know. */
export function ExpressionWidget({
  value,
  onChange,
  nullable,
  schema,
  disabled,
}: WidgetProps<string | null>) {
  const { complete } = useFormSurroundings();
  return (
    <CodeEditor
      language="jinja"
      value={value ?? ""}
      readOnly={disabled}
      complete={complete}
      minHeight={schema["x-options"]?.language ? 72 : 34}
      onChange={(next) => onChange(next === "" && nullable ? null : next)}
    />
  );
}
