import { useQuery } from "@tanstack/react-query";
import { connectionsQuery, readyQuery } from "@/api/queries";
import { Loaded, Page, Section, StatusBadge } from "@/ui";

const GOOD = ["ok", "running", "elsewhere"];

/** Whether this installation can do its work. */
export function CheckPage() {
  const ready = useQuery(readyQuery);
  const connections = useQuery(connectionsQuery());
  return (
    <Page title="Set-up check">
      <div className="grid gap-4 lg:grid-cols-2">
        <Section title="Server" flush>
          <Loaded query={ready}>
            {({ database, migrations, engine }) => (
              <ul className="divide-y text-sm">
                {Object.entries({ Database: database, Migrations: migrations, Engine: engine }).map(
                  ([name, word]) => (
                    <li key={name} className="flex items-center gap-3 px-4 py-2.5">
                      <span className="flex-1">{name}</span>
                      <span className="text-muted">{word}</span>
                      <StatusBadge status={GOOD.includes(word) ? "OK" : "FAILED"} plain />
                    </li>
                  ),
                )}
              </ul>
            )}
          </Loaded>
        </Section>
        <Section title="Connections" flush>
          <Loaded query={connections}>
            {(items) => (
              <ul className="divide-y text-sm">
                {items.map((connection) => (
                  <li key={connection.id} className="flex items-center gap-3 px-4 py-2.5">
                    <span className="min-w-0 flex-1 truncate">{connection.name}</span>
                    <StatusBadge status={connection.status} plain />
                  </li>
                ))}
              </ul>
            )}
          </Loaded>
        </Section>
      </div>
    </Page>
  );
}
