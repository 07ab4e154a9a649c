import { useQuery } from "@tanstack/react-query";
import { ExternalLink, Info } from "lucide-react";
import { tasksQuery } from "@/api/queries";
import type { NodeRun, RemoteTask } from "@/api/types";
import { rich, t } from "@/lib/text";
import { clock, duration } from "@/lib/time";
import { CopyButton, ErrorState, Loaded, StatusBadge, Timestamp } from "@/ui";
import { RemoteRef } from "./steps";

type Props = { runId: string; node: NodeRun; live: boolean };

/** The execution a step stands for, and the tasks inside it as a table: the timeline's bars, to read and to copy. */
export function Remote({ runId, node, live }: Props) {
  const query = useQuery(tasksQuery(runId, node.id, live && node.finishedAt === null));
  const link = node.remote;
  return (
    <div className="min-h-0 flex-1 overflow-auto">
      {link && (
        <dl className="grid grid-cols-[auto_1fr] items-center gap-x-4 gap-y-1 px-4 py-3 text-sm">
          <dt className="text-muted text-xs">{t("Execution")}</dt>
          <dd className="flex min-w-0 items-center gap-1">
            {link.executionId ? (
              <>
                <code className="min-w-0 truncate font-mono text-xs">{link.executionId}</code>
                <CopyButton text={link.executionId} label={t("Copy execution id")} />
              </>
            ) : (
              t("not known")
            )}
          </dd>
          {link.workflowId && (
            <>
              <dt className="text-muted text-xs">{t("Workflow")}</dt>
              <dd className="font-mono text-xs">{link.workflowId}</dd>
            </>
          )}
          <dt className="text-muted text-xs">{t("Link")}</dt>
          <dd>
            <RemoteRef node={node} />
          </dd>
        </dl>
      )}
      <Loaded query={query} title={t("The tasks cannot be shown")}>
        {({ items, reason, problem, fetchedAt }) => (
          <>
            {problem && (
              <ErrorState
                compact
                error={new Error(problem.message)}
                title={t("The platform did not tell its tasks")}
                retry={() => void query.refetch()}
              />
            )}
            {reason && (
              <p className="flex items-center gap-2 px-4 py-2 text-muted text-sm">
                <Info aria-hidden className="size-4 shrink-0" /> {reason}
              </p>
            )}
            {items.length > 0 && <TaskTable items={items} />}
            {items.length > 0 && (
              <p className="px-4 py-2 text-muted text-xs">
                {rich("Asked {when}", { when: <Timestamp at={fetchedAt} /> })}
              </p>
            )}
          </>
        )}
      </Loaded>
    </div>
  );
}

function TaskTable({ items }: { items: readonly RemoteTask[] }) {
  return (
    <table className="w-full text-left text-sm">
      <caption className="sr-only">{t("Remote tasks")}</caption>
      <thead className="text-muted text-xs">
        <tr className="h-8 border-y">
          <th className="px-4 font-normal">{t("Task")}</th>
          <th className="px-2 font-normal">{t("Try")}</th>
          <th className="px-2 font-normal">{t("Status")}</th>
          <th className="px-2 font-normal">{t("Started")}</th>
          <th className="px-2 text-right font-normal">{t("Took")}</th>
          <th className="py-1 pr-4 pl-2 font-normal">{t("There")}</th>
        </tr>
      </thead>
      <tbody className="divide-y">
        {items.map((each) => (
          <tr key={`${each.id} ${each.attempt}`} className="h-8">
            <td className="max-w-64 truncate px-4 font-mono text-xs">{each.label}</td>
            <td className="tabular px-2 text-muted text-xs">{each.attempt || "–"}</td>
            <td className="whitespace-nowrap px-2">
              <span className="flex items-center gap-1.5">
                <StatusBadge status={each.state} plain />
                {each.raw && <span className="text-muted text-xs">{each.raw.replaceAll("_", " ")}</span>}
              </span>
            </td>
            <td className="tabular px-2 text-muted text-xs">
              {each.startedAt ? clock(each.startedAt) : "–"}
            </td>
            <td className="tabular px-2 text-right text-xs">
              {each.startedAt && each.finishedAt
                ? duration(Date.parse(each.finishedAt) - Date.parse(each.startedAt))
                : "–"}
            </td>
            <td className="py-1 pr-4 pl-2">
              {each.url && /^https?:\/\//.test(each.url) ? (
                <a
                  href={each.url}
                  target="_blank"
                  rel="noreferrer"
                  aria-label={t("Open {label}, try {attempt}", { label: each.label, attempt: each.attempt })}
                  className="inline-grid size-6 place-items-center rounded-sm text-accent-text hover:bg-hover"
                >
                  <ExternalLink aria-hidden className="size-3.5" />
                </a>
              ) : (
                <span className="text-muted">–</span>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}
