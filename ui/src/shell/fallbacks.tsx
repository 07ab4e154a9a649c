import { type ErrorComponentProps, Link } from "@tanstack/react-router";
import { Compass } from "lucide-react";
import { t } from "@/lib/text";
import { Button, EmptyState, ErrorState, Page, SkeletonRows } from "@/ui";

/** No screen has this address. */
export function NotFoundPage() {
  return (
    <Page title={t("Not found")}>
      <EmptyState
        icon={Compass}
        title={t("There is no such page")}
        actions={
          <Button asChild>
            <Link to="/">{t("Go home")}</Link>
          </Button>
        }
      >
        {t("The address may be mistyped, or what it named has been deleted.")}
      </EmptyState>
    </Page>
  );
}

/** A screen that threw: the rest of the app goes on. */
export function ErrorPage({ error, reset }: ErrorComponentProps) {
  return (
    <Page title={t("Something went wrong")}>
      <ErrorState error={error} retry={reset} />
    </Page>
  );
}

/** While a screen's code is on its way; shown only if that takes longer than a moment. */
export function PendingPage() {
  return <SkeletonRows className="p-6" rows={8} />;
}
