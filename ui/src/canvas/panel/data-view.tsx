import { glimpse, type InsertPlaces, TypeHint } from "@/forms";
import { usePersistent } from "@/lib/persist";
import { t } from "@/lib/text";
import { CopyButton, Segmented } from "@/ui";
import { FieldTree } from "./field-tree";

type Root = { name: string; path: string; value: unknown; open?: number };
type Props = {
  label: string;
  /** The first is what table and JSON show. */
  roots: readonly Root[];
  places?: InsertPlaces;
};

const SHAPES = [
  { value: "tree", label: t("Tree") },
  { value: "table", label: t("Table") },
  { value: "json", label: t("JSON") },
] as const;
type Shape = (typeof SHAPES)[number]["value"];

/** Data of a step as a tree, a table or JSON. */
export function StepData({ label, roots, places }: Props) {
  const [shape, setShape] = usePersistent<Shape>("data-view", "tree");
  const value = roots[0]?.value;
  return (
    <div className="flex min-w-0 flex-col gap-2">
      <div className="flex items-center justify-between gap-2">
        <Segmented
          label={t("Show {label} as", { label })}
          value={shape}
          onChange={setShape}
          options={SHAPES}
        />
        <CopyButton
          text={() => JSON.stringify(value, null, 2) ?? ""}
          label={t("Copy {label} as JSON", { label })}
        />
      </div>
      {shape === "tree" && (
        <ul aria-label={label} className="min-w-0">
          {roots.map((root) => (
            <FieldTree
              key={root.path}
              name={root.name}
              path={root.path}
              value={root.value}
              open={root.open ?? 0}
              places={places}
            />
          ))}
        </ul>
      )}
      {shape === "table" && <Table value={value} label={label} />}
      {shape === "json" && (
        <section
          // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
          tabIndex={0}
          aria-label={t("{label} as JSON", { label })}
          className="max-h-96 overflow-auto rounded-md bg-sunken p-2"
        >
          <pre className="font-mono text-xs">
            {JSON.stringify(value, (_, each) => (each instanceof TypeHint ? each.type : each), 2)}
          </pre>
        </section>
      )}
    </div>
  );
}

/** A list of objects by its columns; anything else by name and value. */
function Table({ value, label }: { value: unknown; label: string }) {
  const list = Array.isArray(value) && value.every((item) => typeof item === "object" && item !== null);
  const rows = (list ? value : [value]) as Record<string, unknown>[];
  const columns = list ? [...new Set(rows.slice(0, 50).flatMap((row) => Object.keys(row)))].slice(0, 30) : [];
  const cell = "border-b px-2 py-1 text-left align-top font-mono text-xs";
  const pairs =
    typeof value === "object" && value !== null ? Object.entries(value) : [["value", value] as const];
  return (
    <section
      // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls
      tabIndex={0}
      aria-label={t("{label} as a table", { label })}
      className="max-h-96 overflow-auto rounded-md border"
    >
      <table className="w-full">
        <thead>
          <tr>
            {(list ? columns : [t("Field"), t("Value")]).map((name) => (
              <th key={name} scope="col" className={`${cell} bg-sunken font-medium font-sans text-muted`}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {list
            ? rows.slice(0, 100).map((row, index) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: rows of data have no ids
                <tr key={index}>
                  {columns.map((name) => (
                    <td key={name} className={cell}>
                      {name in row ? glimpse(row[name]) : ""}
                    </td>
                  ))}
                </tr>
              ))
            : pairs.slice(0, 200).map(([name, each]) => (
                <tr key={name}>
                  <th scope="row" className={`${cell} font-normal`}>
                    {name}
                  </th>
                  <td className={`${cell} break-all`}>{glimpse(each, 200)}</td>
                </tr>
              ))}
        </tbody>
      </table>
    </section>
  );
}
