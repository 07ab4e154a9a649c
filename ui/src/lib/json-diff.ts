/** One place where two JSON values differ. `before` is undefined where it was added, `after` where it was removed. */
export type Change = {
  path: string;
  kind: "added" | "removed" | "changed";
  before: unknown;
  after: unknown;
};

const MOST = 500;

/** Where `after` differs from `before`, by path in reading order; at most 500 places. The path of the root is "". */
export function jsonDiff(before: unknown, after: unknown): Change[] {
  const found: Change[] = [];
  compare(before, after, "", found);
  return found;
}

export function same(before: unknown, after: unknown): boolean {
  return jsonDiff(before ?? null, after ?? null).length === 0;
}

function compare(before: unknown, after: unknown, path: string, found: Change[]): void {
  if (found.length >= MOST || Object.is(before, after)) return;
  if (!isBranch(before) || !isBranch(after) || Array.isArray(before) !== Array.isArray(after)) {
    found.push({ path, kind: "changed", before, after });
    return;
  }
  const list = Array.isArray(before);
  for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
    if (found.length >= MOST) return;
    const where = inside(path, key, list);
    const [had, has] = [Object.hasOwn(before, key), Object.hasOwn(after, key)];
    if (had && has) compare(before[key], after[key], where, found);
    else if (had) found.push({ path: where, kind: "removed", before: before[key], after: undefined });
    else found.push({ path: where, kind: "added", before: undefined, after: after[key] });
  }
}

function isBranch(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function inside(path: string, key: string, list: boolean): string {
  if (list) return `${path}[${key}]`;
  if (/^[A-Za-z_]\w*$/.test(key)) return path ? `${path}.${key}` : key;
  return `${path}[${JSON.stringify(key)}]`;
}
