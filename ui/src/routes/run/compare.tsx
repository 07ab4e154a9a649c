import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { ChevronRight, Equal, EqualNot, X } from "lucide-react";
import { type ReactNode, useMemo, useState } from "react";
import { revisionQuery, runQuery } from "@/api/queries";
import type { RunDetail } from "@/api/types";
import { cn } from "@/lib/cn";
import { jsonDiff } from "@/lib/json-diff";
import { t } from "@/lib/text";
import { absolute, duration, elapsed } from "@/lib/time";
import { Badge, IconButton, Loaded, Section, StatusBadge } from "@/ui";
import { TRIGGERS } from "@/ui/trigger";
import { Changes } from "./changes";
import { firstDivergence, type Pair, pairs } from "./compare-model";

type Props = { run: RunDetail; otherId: string; onClose: () => void };

/** Two runs side by side: what differs in how they began, step by step, and where they parted first. */
export function Compare({ run, otherId, onClose }: Props) {
  const query = useQuery(runQuery(otherId));
  return (
    <Section
      title={
        query.data
          ? t("#{number} beside #{number2}", { number: run.number, number2: query.data.number })
          : t("Two runs side by side")
      }
      flush
      className="min-h-0 flex-1 overflow-hidden"
      actions={<IconButton size="sm" icon={X} label={t("Close comparison")} onClick={onClose} />}
    >
      <div className="h-full overflow-y-auto">
        <Loaded query={query} title={t("The other run cannot be shown")}>
          {(other) => <Beside run={run} other={other} />}
        </Loaded>
      </div>
    </Section>
  );
}

function Beside({ run, other }: { run: RunDetail; other: RunDetail }) {
  const found = useMemo(() => pairs(run, other), [run, other]);
  const first = firstDivergence(found);
  const [turned, setTurned] = useState<ReadonlySet<string>>(new Set());
  const toggle = (id: string) =>
    setTurned((before) => {
      const next = new Set(before);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const differ = found.filter((each) => !alike(each)).length;
  return (
    <>
      <Heads run={run} other={other} />
      <p className="border-y bg-sunken px-4 py-2 text-sm">
        {first ? (
          <>
            <span className="font-semibold">{t("They part at {label}.", { label: first.label })}</span>{" "}
            <span className="text-muted">
              {t(
                "{differ, plural, one {# step} other {# steps}} of {found} {differ, plural, one {differs} other {differ}}.",
                { differ, found: found.length },
              )}
            </span>
          </>
        ) : (
          t("Every step did the same in both.")
        )}
      </p>
      <table className="w-full text-left text-sm">
        <caption className="sr-only">{t("Steps of both runs")}</caption>
        <thead className="text-muted text-xs">
          <tr className="h-8 border-b">
            <th className="px-4 font-normal">{t("Step")}</th>
            <th className="px-2 font-normal">#{other.number}</th>
            <th className="px-2 font-normal">#{run.number}</th>
            <th className="px-2 text-right font-normal">{t("Took longer by")}</th>
            <th className="px-2 font-normal">{t("Input")}</th>
            <th className="px-2 pr-4 font-normal">{t("Output")}</th>
          </tr>
        </thead>
        <tbody>
          {found.map((each) => {
            const open = turned.has(each.id) !== (each.id === first?.id);
            return (
              <PairRows
                key={each.id}
                pair={each}
                open={open}
                onToggle={() => toggle(each.id)}
                run={run}
                other={other}
              />
            );
          })}
        </tbody>
      </table>
    </>
  );
}

function alike(pair: Pair): boolean {
  return pair.sameStatus && pair.sameInput && pair.sameOutput;
}

function Heads({ run, other }: { run: RunDetail; other: RunDetail }) {
  const took = (each: RunDetail) => elapsed(each.startedAt, each.finishedAt);
  const inputs = jsonDiff(other.inputs, run.inputs);
  const shown = (each: RunDetail) => {
    const spent = each.finishedAt ? took(each) : null;
    return spent === null ? "–" : duration(spent);
  };
  const rows: { name: string; same: boolean; theirs: ReactNode; mine: ReactNode }[] = [
    {
      name: t("Status"),
      same: run.status === other.status,
      theirs: <StatusBadge status={other.status} plain />,
      mine: <StatusBadge status={run.status} plain />,
    },
    {
      name: t("Revision"),
      same: run.revision === other.revision,
      theirs: other.revision,
      mine: run.revision,
    },
    {
      name: t("Trigger"),
      same: run.trigger.kind === other.trigger.kind,
      theirs: `${TRIGGERS[other.trigger.kind]}, ${other.trigger.by}`,
      mine: `${TRIGGERS[run.trigger.kind]}, ${run.trigger.by}`,
    },
    {
      name: t("Inputs"),
      same: inputs.length === 0,
      theirs: inputs.length
        ? t("{inputs, plural, one {# field} other {# fields}}", { inputs: Object.keys(other.inputs).length })
        : t("the same"),
      mine: inputs.length
        ? t("{inputs, plural, one {# difference} other {# differences}}", { inputs: inputs.length })
        : t("the same"),
    },
    {
      name: t("Labels"),
      same: jsonDiff(other.labels, run.labels).length === 0,
      theirs: labelled(other),
      mine: labelled(run),
    },
    {
      name: t("Started"),
      same: true,
      theirs: other.startedAt ? absolute(other.startedAt) : "–",
      mine: run.startedAt ? absolute(run.startedAt) : "–",
    },
    { name: t("Took"), same: true, theirs: shown(other), mine: shown(run) },
  ];
  return (
    <>
      <div className="overflow-x-auto">
        <table className="w-full text-left text-sm">
          <caption className="sr-only">{t("How both runs began and ended")}</caption>
          <thead className="text-muted text-xs">
            <tr className="h-8">
              <th className="w-40 px-4 font-normal">
                <span className="sr-only">{t("What")}</span>
              </th>
              <th className="px-2 font-normal">
                <Link
                  to="/runs/$runId"
                  params={{ runId: other.id }}
                  className="inline-flex min-h-6 items-center text-accent-text hover:underline"
                >
                  #{other.number}
                </Link>
              </th>
              <th className="px-2 pr-4 font-normal">{t("#{number}, this run", { number: run.number })}</th>
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <tr key={row.name} className={cn("h-7", !row.same && "bg-st-warning/8")}>
                <th scope="row" className="px-4 font-normal text-muted text-xs">
                  {row.name}
                  {!row.same && <span className="sr-only">{t(", different")}</span>}
                </th>
                <td className="px-2">{row.theirs}</td>
                <td className="px-2 pr-4">{row.mine}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {inputs.length > 0 && (
        <div className="border-t">
          <Changes label={t("Inputs")} before={other.inputs} after={run.inputs} names={names(run, other)} />
        </div>
      )}
    </>
  );
}

type RowsProps = { pair: Pair; open: boolean; onToggle: () => void; run: RunDetail; other: RunDetail };

function PairRows({ pair, open, onToggle, run, other }: RowsProps) {
  const { mine, theirs, delta } = pair;
  return (
    <>
      <tr className={cn("h-9 border-t", !alike(pair) && "bg-st-warning/8")}>
        <td className="max-w-72 px-2">
          <button
            type="button"
            aria-expanded={open}
            onClick={onToggle}
            className="flex min-h-6 max-w-full items-center gap-1.5 text-left font-medium hover:underline"
          >
            <ChevronRight
              aria-hidden
              className={cn("size-3.5 shrink-0 text-muted transition-transform", open && "rotate-90")}
            />
            <span className="truncate">{pair.label}</span>
          </button>
        </td>
        <td className="px-2">{theirs ? <StatusBadge status={theirs.status} plain /> : <Absent />}</td>
        <td className="px-2">{mine ? <StatusBadge status={mine.status} plain /> : <Absent />}</td>
        <td className="tabular px-2 text-right text-xs">
          {delta === null ? "–" : `${delta < 0 ? "−" : "+"}${duration(Math.abs(delta))}`}
        </td>
        <td className="px-2">
          <Mark same={pair.sameInput} />
        </td>
        <td className="px-2 pr-4">
          <Mark same={pair.sameOutput} />
        </td>
      </tr>
      {open && (
        <tr>
          <td colSpan={6} className="bg-sunken p-0">
            <Detail pair={pair} run={run} other={other} />
          </td>
        </tr>
      )}
    </>
  );
}

function Detail({ pair, run, other }: Omit<RowsProps, "open" | "onToggle">) {
  const title = "px-4 pt-2 font-semibold text-xs";
  const both = names(run, other);
  const failure = pair.mine?.error ?? pair.theirs?.error;
  return (
    <section aria-label={t("Differences of {label}", { label: pair.label })} className="pb-3">
      {failure && (
        <p className="break-words px-4 pt-2 text-sm text-st-failed">
          {pair.mine?.error ? "" : t("In #{number}: ", { number: other.number })}
          {failure.message}
        </p>
      )}
      {run.revision !== other.revision && <Setting pair={pair} run={run} other={other} />}
      <h3 className={title}>{t("Input")}</h3>
      <Changes label={t("Input")} before={pair.theirs?.input} after={pair.mine?.input} names={both} />
      <h3 className={title}>{t("Output")}</h3>
      <Changes label={t("Output")} before={pair.theirs?.output} after={pair.mine?.output} names={both} />
    </section>
  );
}

/** How the step was set in both revisions. */
function Setting({ pair, run, other }: Omit<RowsProps, "open" | "onToggle">) {
  const mine = useQuery(revisionQuery(run.orchestratorId, run.revision));
  const theirs = useQuery(revisionQuery(other.orchestratorId, other.revision));
  if (!mine.data || !theirs.data) return null;
  const config = (of: NonNullable<typeof mine.data>) =>
    of.definition.nodes?.find((each) => each.id === pair.id)?.data?.config ?? null;
  return (
    <>
      <h3 className="px-4 pt-2 font-semibold text-xs">{t("Settings")}</h3>
      <Changes
        label={t("Settings")}
        before={config(theirs.data)}
        after={config(mine.data)}
        names={[
          t("Revision {revision}", { revision: other.revision }),
          t("Revision {revision}", { revision: run.revision }),
        ]}
      />
    </>
  );
}

function labelled(run: RunDetail): string {
  return (
    Object.entries(run.labels)
      .map(([key, value]) => `${key}:${value}`)
      .join(", ") || "–"
  );
}

function names(run: RunDetail, other: RunDetail): [string, string] {
  return [`#${other.number}`, `#${run.number}`];
}

function Mark({ same }: { same: boolean }) {
  const Icon = same ? Equal : EqualNot;
  return (
    <Badge tone={same ? undefined : "warning"}>
      <Icon aria-hidden className="size-3" /> {same ? t("same") : t("different")}
    </Badge>
  );
}

function Absent() {
  return <span className="text-muted text-xs">{t("not there")}</span>;
}
