import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { MonitorSmartphone } from "lucide-react";
import { toastProblem } from "@/api/problem";
import { sessionQuery, sessionsQuery, useEndSession } from "@/api/queries";
import { rich, t } from "@/lib/text";
import { toast } from "@/lib/toast";
import { Badge, Button, EmptyState, Section, Timestamp } from "@/ui";
import { browserOf } from "./browser";
import { Rows, Said } from "./rows";

/** Where the person is signed in, and an end to it. */
export function Sessions() {
  const { data: session } = useQuery(sessionQuery);
  if (session && !session.account) {
    return (
      <Section title={t("Sessions")}>
        <EmptyState icon={MonitorSmartphone} title={t("No sessions")}>
          {t("A token asks, and tokens have none.")}
        </EmptyState>
      </Section>
    );
  }
  return <SignedInPlaces />;
}

function SignedInPlaces() {
  const query = useInfiniteQuery(sessionsQuery);
  const end = useEndSession();
  const others = (query.data?.pages ?? []).some((page) => page.items.some((item) => !item.current));
  const ended = (id: string | null) =>
    end.mutate(id, {
      onSuccess: () =>
        toast.success(id === null ? t("All other sessions are ended") : t("The session is ended")),
      onError: (error) => toastProblem(error, t("The session was not ended")),
    });
  return (
    <Section
      title={t("Sessions")}
      description={t("Where you are signed in. One ends after 12 hours without use, or after 7 days.")}
      flush
      actions={
        others && (
          <Button
            size="sm"
            variant="danger"
            pending={end.isPending && end.variables === null}
            onClick={() => ended(null)}
          >
            {t("End all others")}
          </Button>
        )
      }
    >
      <Rows query={query} label={t("Sessions")}>
        {(item) => (
          <>
            <Said
              title={
                <>
                  <span className="truncate">{browserOf(item.userAgent)}</span>
                  {item.current && <Badge tone="done">{t("this one")}</Badge>}
                </>
              }
            >
              {item.workspaceName} ·{" "}
              {rich("{address} · since {when} · used {when2}", {
                address: item.address ?? t("unknown address"),
                when: <Timestamp at={item.createdDate} />,
                when2: <Timestamp at={item.lastUsed} />,
              })}
            </Said>
            {!item.current && (
              <Button
                size="sm"
                aria-label={t("End the session of {browserOf}", { browserOf: browserOf(item.userAgent) })}
                pending={end.isPending && end.variables === item.id}
                onClick={() => ended(item.id)}
              >
                {t("End")}
              </Button>
            )}
          </>
        )}
      </Rows>
    </Section>
  );
}
