import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Archive, CircleCheckBig, ListTree, X } from "lucide-react";
import { orchestratorQuery, providersQuery, runsQuery, sessionQuery } from "@/api/queries";
import { rich, t } from "@/lib/text";
import { Button, EmptyState, Timestamp } from "@/ui";
import { NeverRun } from "./never";
import { narrowings, type RunsSearch, SINCE } from "./search";

type Props = { search: RunsSearch; onChange: (change: Partial<RunsSearch>) => void; onClear: () => void };

/** No run to show: never any, none that failed, or none that fits. Each says what to do. */
export function NoRuns({ search, onChange, onClear }: Props) {
  const flow = useQuery({
    ...orchestratorQuery(search.orchestratorId ?? ""),
    enabled: search.orchestratorId !== undefined,
  });
  const providers = useQuery(providersQuery);
  const session = useQuery(sessionQuery);
  const narrowed = narrowings(search, {
    flow: flow.data?.name,
    provider: providers.data?.find((each) => each.name === search.provider)?.title,
  });
  const { orchestratorId } = search;
  if (narrowed.length === (orchestratorId ? 1 : 0)) {
    return <NoneYet orchestratorId={orchestratorId} onClear={orchestratorId ? onClear : undefined} />;
  }
  const only = (key: "held" | "slow" | "waitingForMe" | "archived" | "by") =>
    search[key] && narrowed.every((each) => each.key === key || each.key === "since");
  const key = (["held", "slow", "waitingForMe", "archived"] as const).find(only);
  const calm = key && CALM[key];
  if (calm) {
    return (
      <EmptyState
        icon={key === "archived" ? Archive : CircleCheckBig}
        title={calm.title}
        actions={<Button onClick={onClear}>{t("Show all runs")}</Button>}
      >
        {calm.text}
      </EmptyState>
    );
  }
  if (only("by") && search.by === session.data?.subject) return <NothingOfMine onClear={onClear} />;
  const onlyFailed =
    search.status?.join() === "FAILED" && narrowed.every(({ key }) => key === "status" || key === "since");
  if (onlyFailed) return <NoFailures search={search} onClear={onClear} />;
  return (
    <EmptyState
      icon={ListTree}
      title={t("No run matches")}
      actions={
        <>
          {narrowed.length > 1 &&
            narrowed.map(({ key, text, without }) => (
              <Button key={key} icon={X} onClick={() => onChange(without)}>
                <span className="max-w-48 truncate">{t("Without {text}", { text })}</span>
              </Button>
            ))}
          {search.since !== undefined && search.since !== "30d" && (
            <Button onClick={() => onChange({ since: "30d", until: undefined })}>
              {t("Look at the last 30 days")}
            </Button>
          )}
          {!search.archived && (
            <Button onClick={() => onChange({ archived: true })}>{t("Look among the archived")}</Button>
          )}
          <Button onClick={onClear}>{t("Clear filters")}</Button>
        </>
      }
    >
      {t("Take something away, or widen the time.")}
    </EmptyState>
  );
}

/** Where all runs are archived, it would be wrong to say that there never was one. */
function NoneYet({ orchestratorId, onClear }: { orchestratorId?: string; onClear?: () => void }) {
  const archived = useInfiniteQuery(runsQuery({ orchestratorId, archived: true }, 1));
  const any = archived.data?.pages[0]?.items.length;
  if (any === undefined) return null;
  if (any === 0) return <NeverRun orchestratorId={orchestratorId} onClear={onClear} />;
  return (
    <EmptyState
      icon={Archive}
      title={orchestratorId ? t("All its runs are archived") : t("All runs are archived")}
      actions={
        <>
          <Button asChild>
            <Link to="/runs" search={{ orchestratorId, archived: true }}>
              {t("Show them")}
            </Link>
          </Button>
          {onClear && <Button onClick={onClear}>{t("Show all runs")}</Button>}
        </>
      }
    >
      {t("They have left this list, and keep all they have.")}
    </EmptyState>
  );
}

const CALM = {
  held: {
    title: t("Nothing is held back"),
    text: t("While a platform does not answer, its steps wait here, and go on by themselves once it does."),
  },
  slow: {
    title: t("Nothing is slow"),
    text: t(
      "Here stands what takes twice as long as its orchestrator usually does, and at least a second longer. What is usual is known after five completed runs.",
    ),
  },
  waitingForMe: {
    title: t("Nothing waits for you"),
    text: t(
      "Here stand runs that wait for a callback which a person can give, if you started them or saved their orchestrator last. Others are under the status Waiting.",
    ),
  },
  archived: {
    title: t("Nothing is archived"),
    text: t(
      "Select ended runs in another view and archive them: they leave the lists and the counts, and stand here with all they have.",
    ),
  },
};

function NothingOfMine({ onClear }: { onClear: () => void }) {
  return (
    <EmptyState
      icon={ListTree}
      title={t("You have started no run")}
      actions={
        <>
          <Button asChild>
            <Link to="/orchestrators">{t("Open an orchestrator")}</Link>
          </Button>
          <Button onClick={onClear}>{t("Show all runs")}</Button>
        </>
      }
    >
      {t(
        "Open an orchestrator and press Run. Runs that a webhook, a schedule or a token starts are not among yours.",
      )}
    </EmptyState>
  );
}

function NoFailures({ search, onClear }: { search: RunsSearch; onClear: () => void }) {
  const query = useInfiniteQuery(runsQuery({ status: ["FAILED"] }, 1));
  const last = query.data?.pages[0]?.items[0];
  const preset = SINCE[search.since ?? ""];
  const time =
    preset && !search.until
      ? t(" in the {label}", { label: preset.label.toLowerCase() })
      : search.since
        ? t(" in this time")
        : "";
  return (
    <EmptyState
      icon={CircleCheckBig}
      title={t("No failures{time}", { time })}
      actions={<Button onClick={onClear}>{t("Show all runs")}</Button>}
    >
      {last
        ? rich("The last one: {link}, {when}.", {
            link: (
              <Link to="/runs/$runId" params={{ runId: last.id }} className="text-accent-text underline">
                {last.orchestratorName} #{last.number}
              </Link>
            ),
            when: <Timestamp at={last.finishedAt ?? last.createdDate} />,
          })
        : query.isSuccess && t("No run has ever failed here.")}
    </EmptyState>
  );
}
