import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { Inbox } from "lucide-react";
import { runsQuery } from "@/api/queries";
import { CopyButton, EmptyState, Loaded, Page, Section, Timestamp } from "@/ui";

/** What comes in from outside: the callbacks that runs wait for. */
export function InboundPage() {
  const query = useInfiniteQuery(runsQuery({ status: ["WAITING"] }));
  return (
    <Page title="Inbound" description="Callbacks that runs wait for now.">
      <Section title="Expected" flush>
        <Loaded query={query}>
          {(data) => {
            const waits = data.pages
              .flatMap((page) => page.items)
              .flatMap((run) => run.waiting.map((wait) => ({ run, wait })));
            if (waits.length === 0) return <EmptyState icon={Inbox} title="No callback is expected" />;
            return (
              <ul className="divide-y">
                {waits.map(({ run, wait }) => (
                  <li
                    key={`${run.id} ${wait.nodeId}`}
                    className="flex items-center gap-3 px-4 py-2.5 text-sm"
                  >
                    <Link
                      to="/runs/$runId"
                      params={{ runId: run.id }}
                      className="min-w-0 flex-1 truncate hover:underline"
                    >
                      {run.orchestratorName} #{run.number} · {wait.nodeId}
                    </Link>
                    <span className="text-muted text-xs">
                      until <Timestamp at={wait.until} />
                    </span>
                    {wait.callbackUrl && <CopyButton text={wait.callbackUrl} label="Copy callback address" />}
                  </li>
                ))}
              </ul>
            );
          }}
        </Loaded>
      </Section>
    </Page>
  );
}
