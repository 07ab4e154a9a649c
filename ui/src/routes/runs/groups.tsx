import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { CircleCheckBig } from "lucide-react";
import { type RunFilter, runErrorsQuery } from "@/api/queries";
import type { ErrorGroup } from "@/api/types";
import { rich, t } from "@/lib/text";
import { count } from "@/lib/time";
import { Badge, EmptyState, Loaded, Timestamp } from "@/ui";
import { present, type RunsSearch } from "./search";

/** What fails, each kind of failure once. A kind opens its runs; its newest run is one click away, too. */
export function ErrorGroups({ filter, search }: { filter: RunFilter; search: RunsSearch }) {
  const query = useQuery({ ...runErrorsQuery(filter, 200), refetchInterval: 10_000 });
  return (
    <Loaded query={query} title={t("The failures cannot be shown")}>
      {({ items, more }) =>
        items.length === 0 ? (
          <EmptyState icon={CircleCheckBig} title={t("Nothing failed")}>
            {filter.since ? t("No run failed in the time shown.") : t("No run failed in the last 24 hours.")}
          </EmptyState>
        ) : (
          <div className="min-h-0 flex-1 overflow-y-auto">
            <ul aria-label={t("Failures by kind")}>
              {items.map((group) => (
                <Group key={group.key} group={group} search={search} />
              ))}
            </ul>
            <p className="px-4 py-2 text-muted text-xs">
              {t(
                "{what}{what2}Failures are of one kind when orchestrator, step and code are the same, and the message but for its numbers, ids and quoted words.",
                {
                  what: filter.since ? "" : t("Of the last 24 hours; choose a time to see more. "),
                  what2: more ? t("Only the newest 200 kinds are shown. ") : "",
                },
              )}
            </p>
          </div>
        )
      }
    </Loaded>
  );
}

function Group({ group, search }: { group: ErrorGroup; search: RunsSearch }) {
  return (
    <li className="relative flex min-h-14 items-center gap-4 border-b px-4 py-2 hover:bg-hover">
      <span className="tabular w-14 shrink-0 text-right font-semibold text-lg text-st-failed">
        {count(group.count)}
        <span className="font-normal text-muted text-xs"> ×</span>
      </span>
      <div className="min-w-0 flex-1">
        <Link
          to="/runs"
          search={present({
            ...search,
            group: undefined,
            status: undefined,
            error: group.key,
            since: search.since ?? (search.until ? undefined : "24h"),
          })}
          className="block truncate font-medium text-sm after:absolute after:inset-0"
          title={group.message}
        >
          {group.message}
        </Link>
        <p className="flex min-w-0 items-center gap-2 text-muted text-xs">
          <span className="truncate">
            {group.orchestratorName}
            {group.nodeLabel && ` › ${group.nodeLabel}`}
          </span>
          <Badge>{group.code}</Badge>
        </p>
      </div>
      <span className="hidden shrink-0 text-right text-muted text-xs sm:block">
        <span className="block">{rich("last {when}", { when: <Timestamp at={group.lastAt} /> })}</span>
        {group.count > 1 && (
          <span className="block">{rich("first {when}", { when: <Timestamp at={group.firstAt} /> })}</span>
        )}
      </span>
      <Link
        to="/runs/$runId"
        params={{ runId: group.lastRunId }}
        className="relative shrink-0 rounded-md px-2 py-1 text-accent-text text-sm hover:underline"
      >
        {t("Last run #{lastRunNumber}", { lastRunNumber: group.lastRunNumber })}
      </Link>
    </li>
  );
}
