import { Link } from "@tanstack/react-router";
import { Cable, LibraryBig, LoaderCircle, Plus } from "lucide-react";
import { useMay } from "@/api/queries";
import type { OfferConnection, Provider } from "@/api/types";
import { SandboxButton } from "@/shell/sandbox-button";
import { Button, EmptyState, ProviderChip } from "@/ui";

/** No workflow to show: which of the reasons it is. */
export function Nothing({
  parts,
  title,
  narrowed,
  onClear,
}: {
  parts: readonly OfferConnection[];
  title: string | undefined;
  narrowed: boolean;
  onClear: () => void;
}) {
  const reading = parts.some((each) => each.renewing);
  if (narrowed) {
    return (
      <EmptyState
        icon={LibraryBig}
        title="No workflow fits"
        actions={<Button onClick={onClear}>Take the filters away</Button>}
      >
        Try a shorter part of the name, or take a filter away.
      </EmptyState>
    );
  }
  if (reading) {
    return (
      <EmptyState icon={LoaderCircle} title="Reading the workflows">
        {title ?? "The platforms"} {title ? "is" : "are"} asked for the first time. The list appears by
        itself.
      </EmptyState>
    );
  }
  if (parts.some((each) => each.problem && each.syncedAt === null)) {
    return (
      <EmptyState
        icon={Cable}
        title={`${title ?? "The platforms"} could not be read`}
        actions={
          <Button asChild>
            <Link to="/connections">Look at the connections</Link>
          </Button>
        }
      >
        {parts.find((each) => each.problem)?.problem?.message}
      </EmptyState>
    );
  }
  return (
    <EmptyState
      icon={LibraryBig}
      title={`${title ?? "There"} ${title ? "has no workflow" : "is no workflow"} yet`}
    >
      The connection works, but its account sees no workflow. Make one {title ? `in ${title}` : "there"}, then
      refresh.
    </EmptyState>
  );
}

/** One platform without a connection. */
export function NotConnected({ provider }: { provider: Provider }) {
  const may = useMay("editor");
  return (
    <div className="rounded-lg border bg-surface">
      <EmptyState
        icon={Cable}
        title={`${provider.title} is not connected`}
        actions={
          may && (
            <Button asChild variant="primary">
              <Link to="/connections" search={{ add: provider.name }}>
                <Plus aria-hidden /> Connect {provider.title}
              </Link>
            </Button>
          )
        }
      >
        Its workflows can be browsed here, and be steps of an orchestrator, once there is a connection to it.
      </EmptyState>
    </div>
  );
}

/** No platform at all: connect one, or look around first. */
export function NothingConnected({ providers }: { providers: readonly Provider[] }) {
  const may = useMay("editor");
  return (
    <div className="rounded-lg border bg-surface">
      <EmptyState icon={LibraryBig} title="Nothing is connected yet" actions={<SandboxButton />}>
        Connect a platform to browse its workflows here. Or look around first: small sandbox platforms run in
        this server, and nothing real is called.
        {may && (
          <ul className="mt-4 flex flex-wrap justify-center gap-2">
            {providers.map((each) => (
              <li key={each.name}>
                <Button asChild>
                  <Link to="/connections" search={{ add: each.name }}>
                    <ProviderChip provider={each.name} /> Connect {each.title}
                  </Link>
                </Button>
              </li>
            ))}
          </ul>
        )}
      </EmptyState>
    </div>
  );
}
