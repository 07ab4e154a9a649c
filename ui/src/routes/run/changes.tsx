import { type Change, jsonDiff } from "@/lib/json-diff";
import { t } from "@/lib/text";
import { Badge } from "@/ui";

const WORDS = { added: t("added"), removed: t("gone"), changed: t("changed") } as const;

type Props = { before: unknown; after: unknown; names: [string, string]; label: string };

/** Where two values differ, by path. */
export function Changes({ before, after, names, label }: Props) {
  const found = jsonDiff(before ?? null, after ?? null);
  if (!found.length) return <p className="px-4 py-3 text-muted text-sm">{t("No difference.")}</p>;
  return (
    <div className="overflow-x-auto">
      <table className="w-full min-w-lg table-fixed text-left text-xs">
        <caption className="sr-only">
          {label}: {t("{found, plural, one {# difference} other {# differences}}", { found: found.length })}
        </caption>
        <thead className="text-muted">
          <tr className="h-8 border-b">
            <th className="w-1/4 px-4 font-normal">{t("Path")}</th>
            <th className="px-2 font-normal">{names[0]}</th>
            <th className="px-2 pr-4 font-normal">{names[1]}</th>
          </tr>
        </thead>
        <tbody className="divide-y font-mono">
          {found.map((each) => (
            <tr key={each.path} className="align-top">
              <td className="px-4 py-1.5">
                <span className="break-all">{each.path || t("the whole")}</span>{" "}
                {each.kind !== "changed" && (
                  <Badge tone={each.kind === "added" ? "done" : "warning"}>{WORDS[each.kind]}</Badge>
                )}
              </td>
              <Side change={each} side="before" />
              <Side change={each} side="after" />
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Side({ change, side }: { change: Change; side: "before" | "after" }) {
  const value = change[side];
  return (
    <td className="px-2 py-1.5">
      {value === undefined ? (
        <span className="text-muted">–</span>
      ) : (
        <pre className="max-h-40 overflow-auto whitespace-pre-wrap break-words">{text(value)}</pre>
      )}
    </td>
  );
}

function text(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}
