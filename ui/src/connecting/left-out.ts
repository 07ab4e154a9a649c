import type { LeftOut } from "@/api/types";
import { t } from "@/lib/text";

const NAMED = 3;

/** What a list of workflows does not hold, a sentence for each kind and reason: "1 of 3 teams: no permission (Reports)." */
export function leftOut(parts: readonly LeftOut[]): string[] {
  const alike = new Map<string, LeftOut[]>();
  for (const part of parts) {
    const key = `${part.kind} ${part.why}`;
    alike.set(key, [...(alike.get(key) ?? []), part]);
  }
  return [...alike.values()].flatMap((group) => {
    const [first] = group;
    if (!first) return [];
    const { kind, why, of } = first;
    // The kind is the platform's own word.
    const number =
      of === null
        ? t("{n, plural, one {# {kind}} other {# {kind}s}}", { n: group.length, kind })
        : t("{n} of {of, plural, one {# {kind}} other {# {kind}s}}", { n: group.length, of, kind });
    const names = group.slice(0, NAMED).map(({ name }) => name);
    if (group.length > NAMED) names.push(t("{n} more", { n: group.length - NAMED }));
    return `${number}: ${why} (${names.join(", ")}).`;
  });
}
