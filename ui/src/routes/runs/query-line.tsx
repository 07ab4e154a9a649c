import { useQuery, useQueryClient } from "@tanstack/react-query";
import { CircleHelp } from "lucide-react";
import { type FormEvent, useRef, useState } from "react";
import { toastProblem } from "@/api/problem";
import { orchestratorQuery, orchestratorsQuery } from "@/api/queries";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Button, IconButton, Input, Popover } from "@/ui";
import { parseQuery, type QueryProblem, queryText, WORDS } from "./query";
import { present, type RunsSearch } from "./search";

type Props = { search: RunsSearch; onSearch: (search: RunsSearch) => void };

/** The filters as one line of text. Enter asks; what cannot be read is said with its place, and asks nothing. */
export function QueryLine({ search, onSearch }: Props) {
  const flow = useQuery({
    ...orchestratorQuery(search.orchestratorId ?? ""),
    enabled: search.orchestratorId !== undefined,
  });
  const written = queryText(search, flow.data?.name);
  // Another address, be it by a view or by going back, writes the line anew.
  return <Line key={written} written={written} group={search.group} onSearch={onSearch} />;
}

type LineProps = { written: string; group: string | undefined; onSearch: (search: RunsSearch) => void };

function Line({ written, group, onSearch }: LineProps) {
  const client = useQueryClient();
  const field = useRef<HTMLInputElement>(null);
  const [text, setText] = useState(written);
  const [asked, setAsked] = useState(false);
  const [unknown, setUnknown] = useState<QueryProblem | null>(null);
  const parsed = parseQuery(text);
  const problems = [...parsed.problems, ...(unknown ? [unknown] : [])];
  const select = ({ from, to }: QueryProblem) => {
    field.current?.focus();
    field.current?.setSelectionRange(from, Math.max(to, from + 1));
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setAsked(true);
    const [first] = parsed.problems;
    if (first) return select(first);
    let { search } = parsed;
    if (parsed.flow) {
      const { name, from, to } = parsed.flow;
      try {
        const pages = await client.fetchInfiniteQuery(orchestratorsQuery(name));
        const found = pages.pages[0]?.items.find((each) => each.name.toLowerCase() === name.toLowerCase());
        if (!found) {
          const wrong = { from, to, text: t("There is no orchestrator “{name}”.", { name }) };
          setUnknown(wrong);
          return select(wrong);
        }
        search = { ...search, orchestratorId: found.id };
      } catch (error) {
        return toastProblem(error, t("The orchestrator was not looked up"));
      }
    }
    onSearch(present({ ...search, group }));
  };
  return (
    <form className="flex flex-col gap-1.5" onSubmit={(event) => void submit(event)}>
      <div className="flex items-center gap-2">
        <Input
          ref={field}
          id="runs-search"
          aria-label={t("Query")}
          aria-describedby="runs-query-problems"
          aria-invalid={(asked && problems.length > 0) || undefined}
          placeholder={t('status:failed provider:make "401" since:24h')}
          spellCheck={false}
          autoComplete="off"
          className="font-mono text-xs"
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setUnknown(null);
          }}
          onBlur={() => setAsked(true)}
        />
        <Popover
          label={t("Words of a query")}
          align="end"
          trigger={<IconButton icon={CircleHelp} label={t("Words of a query")} />}
        >
          <dl className="grid grid-cols-[auto_1fr] items-baseline gap-x-4 gap-y-1.5 text-sm">
            {WORDS.map(({ word, means }) => (
              <div key={word} className="contents">
                <dt className="whitespace-nowrap font-mono text-xs">{word}</dt>
                <dd className="text-muted">{means}</dd>
              </div>
            ))}
          </dl>
        </Popover>
        <Button type="submit" variant={text === written ? "secondary" : "primary"}>
          {t("Show")}
        </Button>
      </div>
      <ul
        id="runs-query-problems"
        aria-live="polite"
        className={cn("text-st-failed text-xs", !(asked && problems.length) && "sr-only")}
      >
        {asked &&
          problems.map((each) => (
            <li key={`${each.from} ${each.text}`}>
              <button
                type="button"
                onClick={() => select(each)}
                className="min-h-6 text-left hover:underline"
              >
                <span className="text-muted">{t("Character {from}:", { from: each.from + 1 })}</span>{" "}
                {each.text}
              </button>
            </li>
          ))}
      </ul>
    </form>
  );
}
