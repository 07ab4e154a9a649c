import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { GitCompare, RotateCcw } from "lucide-react";
import { revisionsQuery, useMay } from "@/api/queries";
import type { Publication } from "@/api/types";
import { rich, t } from "@/lib/text";
import { Badge, Button, IconButton, Loaded, Panel, Timestamp } from "@/ui";
import type { useUnpublish } from "../use-unpublish";
import type { Restoring } from "./restore";

type Props = {
  id: string;
  /** The newest revision on the server. */
  current: number;
  /** What triggers run; null: the newest. */
  published: number | null;
  /** The one on show. */
  shown: number;
  dirty: boolean;
  restoring: Restoring;
  taking: ReturnType<typeof useUnpublish>;
  onOpen: (revision: number) => void;
  onCompare: (revision: number | "mine" | "published") => void;
  onClose: () => void;
};

/** Every save, newest first; each can be looked at, compared with the newest, and restored. */
export function VersionsPanel(props: Props) {
  const { id, current, published, shown, dirty, restoring, taking, onOpen, onCompare, onClose } = props;
  const query = useInfiniteQuery(revisionsQuery(id));
  const editable = useMay("editor");
  return (
    <Panel
      id="canvas-versions"
      title={t("Versions")}
      side="left"
      width={300}
      onClose={onClose}
      className="max-md:absolute max-md:left-11 max-md:z-30"
    >
      {dirty && (
        <div className="flex items-center justify-between gap-2 border-b px-4 py-2.5">
          <p className="min-w-0 text-sm">
            {rich("Your drawing<span>Not saved yet</span>", {
              span: (inner) => <span className="block text-muted text-xs">{inner}</span>,
            })}
          </p>
          <Button size="sm" icon={GitCompare} onClick={() => onCompare("mine")}>
            {t("Compare")}
          </Button>
        </div>
      )}
      {published !== null && (
        <section aria-label={t("Published")} className="flex flex-col gap-2 border-b px-4 py-2.5 text-sm">
          <p>
            {t("Revision {published} is published", { published })}
            {published !== current && (
              <span className="block text-muted text-xs">{t("What was saved since is a draft")}</span>
            )}
          </p>
          <div className="flex flex-wrap gap-2 empty:hidden">
            {published !== current && (
              <Button size="sm" icon={GitCompare} onClick={() => onCompare("published")}>
                {t("Compare")}
              </Button>
            )}
            {editable && (
              <Button size="sm" pending={taking.pending} onClick={taking.unpublish}>
                {t("Unpublish")}
              </Button>
            )}
          </div>
        </section>
      )}
      <Loaded query={query} title={t("The versions cannot be listed")}>
        {({ pages }) => (
          <ol aria-label={t("Versions")} className="flex flex-col gap-0.5 p-2">
            {pages
              .flatMap((page) => page.items)
              .map((each) => (
                <li
                  key={each.revision}
                  className="flex items-center gap-1 rounded-md pr-1 hover:bg-hover has-[[aria-current]]:bg-accent-soft"
                >
                  <button
                    type="button"
                    aria-current={each.revision === shown || undefined}
                    onClick={() => onOpen(each.revision)}
                    className="min-w-0 flex-1 rounded-md px-2 py-1.5 text-left"
                  >
                    <span className="flex items-center gap-2 font-medium text-sm">
                      {t("Revision {revision}", { revision: each.revision })}
                      {each.revision === current && <Badge>{t("Current")}</Badge>}
                      {each.revision === published && <Badge tone="done">{t("Published")}</Badge>}
                    </span>
                    <span className="flex gap-1 text-muted text-xs">
                      <span className="min-w-0 truncate">{each.createdBy}</span>·
                      <Timestamp at={each.createdDate} className="shrink-0" />
                    </span>
                    {each.publication && <Told of={each.publication} now={each.revision === published} />}
                  </button>
                  {each.runs > 0 && (
                    <Link
                      to="/runs"
                      search={{ orchestratorId: id, revision: each.revision }}
                      title={t("Runs of revision {revision}", { revision: each.revision })}
                      className="tabular flex h-6 min-w-6 shrink-0 items-center justify-center px-1 text-accent-text text-xs hover:underline"
                    >
                      {t("{runs, plural, one {# run} other {# runs}}", { runs: each.runs })}
                    </Link>
                  )}
                  {each.revision !== current && (
                    <>
                      <IconButton
                        size="sm"
                        icon={GitCompare}
                        label={t("Compare revision {revision} with the current one", {
                          revision: each.revision,
                        })}
                        onClick={() => onCompare(each.revision)}
                      />
                      {editable && (
                        <IconButton
                          size="sm"
                          icon={RotateCcw}
                          label={t("Restore revision {revision}", { revision: each.revision })}
                          disabled={restoring.pending}
                          onClick={() => restoring.ask(each.revision)}
                        />
                      )}
                    </>
                  )}
                </li>
              ))}
          </ol>
        )}
      </Loaded>
      {query.hasNextPage && (
        <div className="px-4 pb-4">
          <Button size="sm" pending={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>
            {t("Older versions")}
          </Button>
        </div>
      )}
    </Panel>
  );
}

/** Who published it when, and what they said of it. */
function Told({ of, now }: { of: Publication; now: boolean }) {
  return (
    <span className="mt-1 block border-line border-l-2 pl-2 text-muted text-xs">
      {of.message && <span className="line-clamp-3 break-words text-ink">{of.message}</span>}
      {rich("{what} by {publishedBy}, {when}", {
        what: now ? t("Published") : t("Was published"),
        publishedBy: of.publishedBy,
        when: <Timestamp at={of.publishedDate} />,
      })}
    </span>
  );
}
