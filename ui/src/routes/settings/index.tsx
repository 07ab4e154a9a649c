import { getRouteApi, Link } from "@tanstack/react-router";
import { cn } from "@/lib/cn";
import { t } from "@/lib/text";
import { Page } from "@/ui";
import { SECTIONS } from "./sections";

const route = getRouteApi("/settings");

/** One section at a time; which one stands in the address. A new one is a file beside this and a line in `sections.ts`. */
export function SettingsPage() {
  const { section } = route.useSearch();
  const shown = SECTIONS.find(({ id }) => id === section) ?? SECTIONS[0];
  const Part = shown.part;
  return (
    <Page title={t("Settings")}>
      <div className="flex flex-col gap-4 md:flex-row md:gap-8">
        <nav aria-label={t("Settings")} className="md:w-44 md:shrink-0">
          <ul className="flex flex-wrap gap-0.5 md:flex-col">
            {SECTIONS.map(({ id, label }) => (
              <li key={id}>
                <Link
                  to="/settings"
                  search={id === SECTIONS[0].id ? {} : { section: id }}
                  activeOptions={{ exact: true, includeSearch: true }}
                  aria-current={id === shown.id ? "page" : undefined}
                  className={cn(
                    "flex h-8 items-center rounded-md px-2 text-sm hover:bg-hover",
                    id === shown.id ? "bg-pressed font-medium text-ink" : "text-muted hover:text-ink",
                  )}
                >
                  {label}
                </Link>
              </li>
            ))}
          </ul>
        </nav>
        <div className="flex min-w-0 max-w-3xl flex-1 flex-col gap-4">
          <Part />
        </div>
      </div>
    </Page>
  );
}
