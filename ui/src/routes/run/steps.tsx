import { useQuery } from "@tanstack/react-query";
import { ExternalLink } from "lucide-react";
import { providersQuery } from "@/api/queries";
import type { NodeRun, RunDetail } from "@/api/types";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Badge, Elapsed, ProviderChip, StatusBadge } from "@/ui";

export type Selection = { selected: string | null; onSelect: (nodeId: string) => void };

/** Whether a re-run took this step's outcome over from the run before. */
export function kept(node: NodeRun): boolean {
  return node.status === "COMPLETED" && node.startedAt === null;
}

/** Whether the step took what the run before had recorded of it, in the place of calling. */
export function recorded(node: NodeRun): boolean {
  return node.reused && node.startedAt !== null;
}

/** The steps as a plain table: the version to read and to copy. */
export function StepList({ run, selected, onSelect }: { run: RunDetail } & Selection) {
  return (
    <div className="h-full overflow-auto">
      <table className="w-full text-left text-sm">
        <caption className="sr-only">{t("Steps")}</caption>
        <thead className="sticky top-0 z-10 bg-surface text-muted text-xs">
          <tr className="h-8 border-b">
            <th className="px-4 font-normal">{t("Step")}</th>
            <th className="px-2 font-normal">{t("Status")}</th>
            <th className="px-2 font-normal">{t("Way out")}</th>
            <th className="px-2 text-right font-normal">{t("Duration")}</th>
            <th className="py-1 pr-4 pl-2 font-normal">{t("On the platform")}</th>
          </tr>
        </thead>
        <tbody className="divide-y">
          {run.nodes.map((node) => (
            <tr key={node.id} className={cn("h-9", selected === node.id && "bg-accent-soft")}>
              <td className="max-w-56 px-4">
                <button
                  type="button"
                  aria-current={selected === node.id || undefined}
                  onClick={() => onSelect(node.id)}
                  className="block min-h-6 max-w-full truncate text-left font-medium hover:underline"
                >
                  {node.label || node.id}
                </button>
              </td>
              <td className="px-2">
                <StatusBadge status={node.status} attempts={node.attempt} plain className="align-middle" />
                {kept(node) && <Badge className="ml-1.5">{t("kept")}</Badge>}
                {recorded(node) && <Badge className="ml-1.5">{t("recorded")}</Badge>}
              </td>
              <td className="px-2 text-muted text-xs">{node.port ?? "–"}</td>
              <td className="px-2 text-right text-xs">
                <Elapsed from={node.startedAt} to={node.finishedAt} />
              </td>
              <td className="whitespace-nowrap pr-4 pl-2 text-xs">
                {node.remote ? <RemoteRef node={node} /> : <span className="text-muted">–</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const MATCH = {
  exact: { tone: "done", word: t("exact"), meaning: t("The platform named this execution itself") },
  likely: {
    tone: "warning",
    word: t("likely"),
    meaning: t("Found by what was sent and when; look before relying on it"),
  },
  none: {
    tone: "unknown",
    word: t("no link"),
    meaning: t("The platform does not say which execution this call started"),
  },
} as const;

/** Where the step ran, and how sure that is. */
export function RemoteRef({ node }: { node: NodeRun }) {
  const { data: providers } = useQuery(providersQuery);
  if (!node.remote) return null;
  const { provider, url, match, executionId } = node.remote;
  const { tone, word, meaning } = MATCH[match];
  const title = providers?.find((each) => each.name === provider)?.title ?? provider;
  const safe = url !== null && /^https?:\/\//.test(url);
  return (
    <span className="inline-flex min-w-0 items-center gap-1.5 text-xs">
      <ProviderChip provider={provider} />
      {safe ? (
        <a
          href={url}
          target="_blank"
          rel="noreferrer"
          title={executionId ?? undefined}
          className="inline-flex min-h-6 items-center gap-1 text-accent-text hover:underline"
        >
          {t("Open in {title}", { title })}
          <ExternalLink aria-hidden className="size-3.5" />
        </a>
      ) : (
        <span className="text-muted">{title}</span>
      )}
      <span title={meaning}>
        <Badge tone={tone} className="bg-transparent px-0">
          {word}
        </Badge>
      </span>
    </span>
  );
}
