import { expect, test } from "vitest";
import { parseQuery, queryText } from "./query";
import type { RunsSearch } from "./search";

const FLOW = "01a1fd27-d676-7a3e-9d3b-3a7ec9c84080";

test("words, quotes and plain text", () => {
  expect(parseQuery('status:failed provider:make "401" since:24h')).toEqual({
    search: { status: ["FAILED"], provider: "make", q: "401", since: "24h" },
    flow: null,
    problems: [],
  });
  expect(parseQuery('  no   answer "from: the shop" ').search).toEqual({ q: "no answer from: the shop" });
  expect(parseQuery("").search).toEqual({});
});

test("several states and labels are gathered, in one word or in many", () => {
  const search = { status: ["WAITING", "FAILED"], label: ["team:sales", "a:b:c"] };
  expect(parseQuery("status:failed,waiting label:team:sales label:a:b:c").search).toEqual(search);
  expect(parseQuery("status:failed status:Waiting label:team:sales label:a:b:c").search).toEqual(search);
});

test("an orchestrator is asked for by id or by name", () => {
  expect(parseQuery(`flow:${FLOW}`)).toMatchObject({ search: { orchestratorId: FLOW }, flow: null });
  expect(parseQuery('x flow:"Nightly \\"a\\" orders"').flow).toEqual({
    name: 'Nightly "a" orders',
    from: 7,
    to: 29,
  });
});

test("durations", () => {
  expect(parseQuery("took:>90s").search).toEqual({ minSeconds: 90 });
  expect(parseQuery("took:500ms").search).toEqual({ minSeconds: 0.5 });
  expect(parseQuery("took:>=1.5h").search).toEqual({ minSeconds: 5400 });
});

test("what it is", () => {
  expect(parseQuery("is:slow is:held").search).toEqual({ slow: true, held: true });
  expect(parseQuery("is:archived waiting:me").search).toEqual({ archived: true, waitingForMe: true });
});

test.each([
  ["is:odd", 3, 6, "Write is:slow, is:held or is:archived"],
  ["waiting:ann", 8, 11, "Only waiting:me is known"],
  ["status:broken", 7, 13, "There is no status “broken”."],
  ["a statsu:failed", 2, 15, "There is no word “statsu:”."],
  ["provider:", 0, 9, "“provider:” wants a value."],
  ["by:ann by:ben", 7, 13, "“by:” stands here twice."],
  ['a "b c', 2, 6, "The quotes that begin here do not end."],
  ["since:soon", 6, 10, "“soon” is no time."],
  ["until:24h", 6, 9, "“24h” is no time."],
  ["took:long", 5, 9, "“long” is no duration."],
  ["took:0s", 5, 7, "“0s” is no duration."],
  ["label:team", 6, 10, "A label is a key and a value"],
  ["trigger:magic", 8, 13, "There is no trigger “magic”."],
  ["trigger:constructor", 8, 19, "There is no trigger"],
  ["constructor:x", 0, 13, "There is no word"],
  ["revision:0", 9, 10, "“0” is no number of a revision."],
  ["error:x", 6, 7, "A kind of failure"],
])("what is wrong with %s, and where", (text, from, to, says) => {
  const { problems } = parseQuery(text);
  expect(problems).toHaveLength(1);
  expect(problems[0]).toMatchObject({ from, to });
  expect(problems[0]?.text).toContain(says);
});

test("all that is wrong is said at once", () => {
  expect(
    parseQuery('status:x took:y "z')
      .problems.map(({ from }) => from)
      .toSorted((a, b) => a - b),
  ).toEqual([7, 14, 16]);
});

const SEARCHES: RunsSearch[] = [
  {},
  { status: ["WAITING", "FAILED"], since: "24h", q: "no answer" },
  { orchestratorId: FLOW, revision: 14, provider: "make", trigger: "webhook", by: "ann bell" },
  { label: ["team:sales", 'a:"quoted" \\ back', "k:"], until: "2026-02-01T08:00:00.000Z" },
  { q: '401: "refused"  twice', minSeconds: 12.345 },
  { q: "status:failed" },
  { q: "back\\slash" },
  { minSeconds: 0.0000005 },
  { held: true, slow: true, since: "24h" },
  { error: "0123456789abcdef0123456789abcdef", since: "2026-01-31T08:00:00.000Z" },
  { by: "token:shop", since: "45m" },
];
test.each(SEARCHES.map((search) => [queryText(search), search]))(
  "%s is read as it was written",
  (text, search) => {
    expect(parseQuery(text as string)).toEqual({ search, flow: null, problems: [] });
  },
);

test("a known name stands for the id", () => {
  expect(queryText({ orchestratorId: FLOW }, "Nightly orders")).toBe('flow:"Nightly orders"');
});
