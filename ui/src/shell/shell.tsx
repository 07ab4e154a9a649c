import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link, Outlet, useMatch, useNavigate } from "@tanstack/react-router";
import {
  Boxes,
  ChevronsLeft,
  ChevronsRight,
  LogOut,
  Menu as MenuIcon,
  Monitor,
  Moon,
  Search,
  Sun,
} from "lucide-react";
import { useEffect, useState } from "react";
import { onSignedOut } from "@/api/client";
import { sessionQuery, useSwitchWorkspace, workspacesQuery } from "@/api/queries";
import { cn } from "@/lib/cn";
import { usePersistent } from "@/lib/persist";
import { keyOf, useOwnKeys, useShortcuts } from "@/lib/shortcuts";
import { t } from "@/lib/text";
import { setTheme, useTheme } from "@/theme/theme";
import { Button, Drawer, IconButton, Kbd, later, Menu, Tooltip } from "@/ui";
import { openPalette, useCommandStore } from "./commands";
import { Mark } from "./mark";
import { LOWER_PLACES, PLACES, type Place } from "./nav";

const CommandPalette = later(() => import("./palette").then((found) => found.CommandPalette));

/** Navigation on the left, bar at the top, the screen in the middle. */
export function Shell() {
  const navigate = useNavigate();
  // A drawing needs the width; until somebody has chosen, the navigation gives way to it.
  const drawing = useMatch({ from: "/orchestrators/$id", shouldThrow: false }) !== undefined;
  const [chosen, setFolded] = usePersistent<boolean | null>("nav-folded", null);
  const folded = chosen ?? drawing;
  const [drawer, setDrawer] = useState(false);
  const searching = useCommandStore((state) => state.open);
  const places = [...PLACES, ...LOWER_PLACES];
  useShortcuts({
    palette: openPalette,
    ...Object.fromEntries(places.map((place) => [place.go, () => void navigate({ to: place.to })])),
  });
  const palette = keyOf("palette");
  return (
    <div className="flex h-full min-w-0">
      <a
        href="#main"
        className="sr-only z-50 rounded-md bg-raised px-3 py-2 text-sm shadow-pop focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        {t("Skip to content")}
      </a>
      <nav
        aria-label={t("Main")}
        className={cn("hidden shrink-0 flex-col border-r px-2 pb-2 md:flex", folded ? "w-13" : "w-52")}
      >
        <div className={cn("flex h-12 items-center", folded ? "justify-center" : "px-2")}>
          <Link
            to="/"
            aria-label={t("Baton, home")}
            className="flex items-center gap-2 rounded-md font-semibold"
          >
            <Mark /> {!folded && <span className="tracking-[-0.01em]">{t("Baton")}</span>}
          </Link>
        </div>
        <NavList places={PLACES} folded={folded} />
        <span className="flex-1" />
        <NavList places={LOWER_PLACES} folded={folded} />
        <IconButton
          label={folded ? t("Widen navigation") : t("Fold navigation")}
          icon={folded ? ChevronsRight : ChevronsLeft}
          side="right"
          size="sm"
          className={cn("mt-1 text-muted", folded ? "self-center" : "self-end")}
          onClick={() => setFolded(!folded)}
        />
      </nav>
      <Drawer open={drawer} onOpenChange={setDrawer} title={t("Baton")} side="left" width={264}>
        {/* A choice closes the drawer. */}
        {/* biome-ignore lint/a11y/useKeyWithClickEvents lint/a11y/noStaticElementInteractions: links inside have the keys */}
        <div className="-mx-2" onClick={() => setDrawer(false)}>
          <NavList places={places} folded={false} />
        </div>
      </Drawer>
      <div className="flex min-w-0 flex-1 flex-col">
        <header className="flex h-12 shrink-0 items-center gap-2 border-b px-3 md:px-4">
          <IconButton
            label={t("Open navigation")}
            icon={MenuIcon}
            className="md:hidden"
            onClick={() => setDrawer(true)}
          />
          <button
            type="button"
            onClick={openPalette}
            className="flex h-8 w-full max-w-80 items-center gap-2 rounded-md border bg-surface px-2.5 text-left text-muted text-sm hover:border-edge"
          >
            <Search aria-hidden className="size-4" />
            <span className="flex-1 truncate">{t("Search or jump to")}</span>
            {palette && <Kbd keys={palette} />}
          </button>
          <span className="flex-1" />
          <WorkspaceMenu />
          <UserMenu />
        </header>
        <SignedOut />
        <main id="main" tabIndex={-1} className="min-h-0 flex-1 outline-none">
          <Outlet />
        </main>
      </div>
      {searching && <CommandPalette />}
    </div>
  );
}

function NavList({ places, folded }: { places: readonly Place[]; folded: boolean }) {
  const own = useOwnKeys();
  return (
    <ul className="flex flex-col gap-0.5">
      {places.map(({ to, label, icon: Icon, go }) => {
        const link = (
          <Link
            to={to}
            activeOptions={{ exact: to === "/" }}
            aria-label={folded ? label : undefined}
            className={cn(
              "flex h-8 items-center gap-2.5 rounded-md text-muted text-sm hover:bg-hover hover:text-ink data-[status=active]:bg-pressed data-[status=active]:font-medium data-[status=active]:text-ink [&[data-status=active]_svg]:text-accent-text",
              folded ? "justify-center" : "px-2",
            )}
          >
            <Icon aria-hidden className="size-4 shrink-0" />
            {!folded && label}
          </Link>
        );
        return (
          <li key={to}>
            {folded ? (
              <Tooltip
                side="right"
                content={
                  <span className="flex items-center gap-2">
                    {label} {own[go] !== "" && <Kbd keys={keyOf(go) ?? ""} />}
                  </span>
                }
              >
                {link}
              </Tooltip>
            ) : (
              link
            )}
          </li>
        );
      })}
    </ul>
  );
}

/** Where there is more than one: which it is, and the way to another. */
function WorkspaceMenu() {
  const { data: session } = useQuery(sessionQuery);
  const { data } = useInfiniteQuery({ ...workspacesQuery, enabled: Boolean(session?.account) });
  const change = useSwitchWorkspace();
  const all = data?.pages.flatMap((page) => page.items) ?? [];
  if (!session || all.length < 2) return null;
  return (
    <Menu
      align="end"
      trigger={
        <Button
          variant="ghost"
          icon={Boxes}
          className="max-w-48"
          aria-label={t("Workspace: {workspaceName}", { workspaceName: session.workspaceName })}
        >
          <span className="hidden min-w-0 truncate sm:block">{session.workspaceName}</span>
        </Button>
      }
      items={[
        { heading: t("Workspace") },
        ...all.map(({ id, name, current }) => ({
          label: name,
          checked: current,
          onSelect: () => {
            if (!current) change.mutate(id);
          },
        })),
      ]}
    />
  );
}

function UserMenu() {
  const { data: session } = useQuery(sessionQuery);
  const theme = useTheme();
  const name = session?.subject ?? "";
  return (
    <>
      {/* A form, as the server asks for: a link must not sign anybody out. */}
      <form id="sign-out" method="post" action="/sign-out" hidden />
      <Menu
        align="end"
        trigger={
          <Button variant="ghost" className="max-w-56" aria-label={t("Account: {name}", { name })}>
            <span className="grid size-6 place-items-center rounded-full bg-accent-soft font-semibold text-2xs text-accent-text uppercase">
              {name.replace(/^token:/, "").slice(0, 2)}
            </span>
            <span className="hidden min-w-0 truncate text-left sm:block">{name}</span>
          </Button>
        }
        items={[
          { heading: session ? `${session.workspaceName} · ${session.role}` : "…" },
          { separator: true },
          { heading: t("Theme") },
          {
            label: t("Follow the system"),
            icon: Monitor,
            checked: theme === "system",
            onSelect: () => setTheme("system"),
          },
          { label: t("Light"), icon: Sun, checked: theme === "light", onSelect: () => setTheme("light") },
          { label: t("Dark"), icon: Moon, checked: theme === "dark", onSelect: () => setTheme("dark") },
          { separator: true },
          {
            label: t("Sign out"),
            icon: LogOut,
            onSelect: () => (document.getElementById("sign-out") as HTMLFormElement | null)?.submit(),
          },
        ]}
      />
    </>
  );
}

/** The session ended while the page was open: nothing is thrown away. */
function SignedOut() {
  const [out, setOut] = useState(false);
  useEffect(() => onSignedOut(() => setOut(true)), []);
  if (!out) return null;
  return (
    <div role="alert" className="flex flex-wrap items-center gap-3 border-b bg-accent-soft px-4 py-2 text-sm">
      <span className="flex-1">
        {t("You are signed out. What is on this page stays until you leave it.")}
      </span>
      <Button size="sm" asChild>
        <a
          href={`/sign-in?next=${encodeURIComponent(window.location.pathname + window.location.search)}`}
          target="_blank"
          rel="noreferrer"
        >
          {t("Sign in in a new tab")}
        </a>
      </Button>
      <Button size="sm" variant="ghost" onClick={() => setOut(false)}>
        {t("I have signed in")}
      </Button>
    </div>
  );
}
