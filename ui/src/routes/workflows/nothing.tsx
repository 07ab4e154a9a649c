import { Link } from "@tanstack/react-router";
import { Cable, LibraryBig, LoaderCircle } from "lucide-react";
import { useMay } from "@/api/queries";
import type { OfferConnection, Provider } from "@/api/types";
import { ConnectSteps } from "@/connecting";
import { t } from "@/lib/text";
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
        title={t("No workflow fits")}
        actions={<Button onClick={onClear}>{t("Take the filters away")}</Button>}
      >
        {t("Try a shorter part of the name, or take a filter away.")}
      </EmptyState>
    );
  }
  if (reading) {
    return (
      <EmptyState icon={LoaderCircle} title={t("Reading the workflows")}>
        {title
          ? t("{title} is asked for the first time. The list appears by itself.", { title })
          : t("The platforms are asked for the first time. The list appears by itself.")}
      </EmptyState>
    );
  }
  if (parts.some((each) => each.problem && each.syncedAt === null)) {
    return (
      <EmptyState
        icon={Cable}
        title={title ? t("{title} could not be read", { title }) : t("The platforms could not be read")}
        actions={
          <Button asChild>
            <Link to="/connections">{t("Look at the connections")}</Link>
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
      title={title ? t("{title} has no workflow yet", { title }) : t("There is no workflow yet")}
    >
      {title
        ? t("The connection works, but its account sees no workflow. Make one in {title}, then refresh.", {
            title,
          })
        : t("The connection works, but its account sees no workflow. Make one there, then refresh.")}
    </EmptyState>
  );
}

/** One platform without a connection: it is connected here, and the list takes the place of the form. */
export function NotConnected({ provider }: { provider: Provider }) {
  const may = useMay("editor");
  if (!may) {
    return (
      <div className="rounded-lg border bg-surface">
        <EmptyState icon={Cable} title={t("{title} is not connected", { title: provider.title })}>
          {t(
            "Its workflows can be browsed here once there is a connection to it. That takes the role editor.",
          )}
        </EmptyState>
      </div>
    );
  }
  return (
    <div className="min-h-0 overflow-y-auto pb-4">
      <ConnectSteps
        key={provider.name}
        provider={provider}
        frame={({ title, description, footer, children }) => (
          <section
            aria-label={title}
            className="mx-auto w-full max-w-xl rounded-lg border bg-surface shadow-card"
          >
            <header className="px-5 pt-4 pb-3">
              <h2 className="flex items-center gap-3 font-semibold text-lg">
                <ProviderChip provider={provider.name} size="lg" /> {title}
              </h2>
              <p className="mt-0.5 text-muted text-sm">{description}</p>
            </header>
            <div className="px-5 pb-5">{children}</div>
            <div className="flex flex-wrap justify-end gap-2 border-t px-5 py-3">{footer}</div>
          </section>
        )}
      />
    </div>
  );
}

/** No platform at all: connect one, or look around first. */
export function NothingConnected({ providers }: { providers: readonly Provider[] }) {
  const may = useMay("editor");
  return (
    <div className="rounded-lg border bg-surface">
      <EmptyState icon={LibraryBig} title={t("Nothing is connected yet")} actions={<SandboxButton />}>
        {t(
          "Connect a platform to browse its workflows here. Or look around first: small sandbox platforms run in this server, and nothing real is called.",
        )}
        {may && (
          <ul className="mt-4 flex flex-wrap justify-center gap-2">
            {providers.map((each) => (
              <li key={each.name}>
                <Button asChild>
                  <Link to="/workflows" search={{ provider: each.name }}>
                    <ProviderChip provider={each.name} /> {t("Connect {title}", { title: each.title })}
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
