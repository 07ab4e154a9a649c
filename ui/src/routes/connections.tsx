import { useQuery } from "@tanstack/react-query";
import { Cable } from "lucide-react";
import { connectionsQuery } from "@/api/queries";
import { EmptyState, Loaded, Page, ProviderChip, StatusBadge, Timestamp } from "@/ui";

/** The platforms we may call. */
export function ConnectionsPage() {
  const query = useQuery(connectionsQuery());
  return (
    <Page title="Connections">
      <Loaded query={query}>
        {(items) =>
          items.length ? (
            <ul className="grid gap-3 sm:grid-cols-2 xl:grid-cols-3">
              {items.map((connection) => (
                <li key={connection.id} className="flex gap-3 rounded-lg border bg-surface p-4 shadow-card">
                  <ProviderChip provider={connection.provider} size="lg" />
                  <div className="min-w-0 flex-1">
                    <h2 className="truncate font-semibold text-sm">{connection.name}</h2>
                    <p className="truncate text-muted text-xs">{connection.baseUrl}</p>
                    <div className="mt-3 flex items-center justify-between gap-2">
                      <StatusBadge status={connection.status} />
                      <Timestamp at={connection.lastChecked} className="text-muted text-xs" />
                    </div>
                  </div>
                </li>
              ))}
            </ul>
          ) : (
            <EmptyState icon={Cable} title="Nothing is connected yet" />
          )
        }
      </Loaded>
    </Page>
  );
}
