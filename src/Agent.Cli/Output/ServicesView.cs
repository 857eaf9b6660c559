using Appliance.V1;

namespace Appliance.Cli.Output;

/// <summary>Services as a list, or one of them as a person would explain it.</summary>
internal static class ServicesView
{
    public static void WriteList(Screen screen, IEnumerable<ServiceSummary> services, DateTimeOffset now)
    {
        var table = new Table("SERVICE", "STATE", "READY", "RESTARTS", "SINCE", "PORTS", "WHY");
        foreach (var service in services)
        {
            table.Add(
                service.Name,
                StateOf(service.State),
                $"{service.ReplicasReady}/{service.Replicas}",
                service.Restarts,
                Ages.Ago(service.Since, now),
                string.Join(", ", service.Ports),
                // A service that does what it should needs no reason.
                service.State is ServiceState.Running
                    ? ""
                    : service.Explanation
            );
        }
        table.WriteTo(screen);
    }

    /// <summary>"web is running (since 3 h ago)"; "db is backing off (since 12 s ago): it exited with 1".</summary>
    public static void WriteSentence(Screen screen, ServiceSummary service, DateTimeOffset now)
    {
        var (state, style) = StateOf(service.State);
        // A service that does what it should needs no reason; the agent's would only say the time again.
        var why =
            service.State is ServiceState.Running || service.Explanation.Length == 0
                ? ""
                : $": {Text.OneLine(service.Explanation)}";
        var since = service.Since is null ? "" : $" (since {Ages.Ago(service.Since, now)})";
        screen.WriteLine(
            $"{screen.Paint(Text.OneLine(service.Name), Style.Bold)} is {screen.Paint(state, style)}{since}{why}"
        );
    }

    public static void WriteDetail(Screen screen, ServiceDetail service, DateTimeOffset now)
    {
        WriteSentence(screen, service.Summary, now);
        screen.WriteLine();

        var facts = new Table("", "");
        facts.Add("Image", service.Summary.Image);
        facts.Add("Replicas", $"{service.Summary.ReplicasReady} of {service.Summary.Replicas} ready");
        facts.Add("Restarts", $"{service.Summary.Restarts}, policy {service.RestartPolicy}");
        if (service.Summary.Ports.Count > 0)
            facts.Add("Ports", string.Join(", ", service.Summary.Ports));
        facts.WriteTo(screen);

        Section(screen, "Containers", service.Containers, Containers(service.Containers, now));
        Section(screen, "Depends on", service.DependsOn, Dependencies(service.DependsOn));
        Section(screen, "Probes", service.Probes, Probes(service.Probes, now));
        if (service.RecentEvents.Count > 0)
            Heading(screen, "Recent events");
        foreach (var line in service.RecentEvents)
            screen.WriteLine($"  {Text.OneLine(line)}");
    }

    private static Table Containers(IEnumerable<ContainerDetail> containers, DateTimeOffset now)
    {
        var table = new Table("NAME", "ID", "STATE", "RESTARTS", "NETWORKS", "IMAGE ID");
        foreach (var c in containers)
            table.Add(c.Name, Short(c.Id), Life(c, now), c.Restarts, string.Join(", ", c.Networks), Short(c.ImageId));
        return table;
    }

    /// <summary>"running (healthy), started 3 min ago"; "exited with 137 (out of memory) 2 s ago, next start in 4 s".</summary>
    private static Cell Life(ContainerDetail c, DateTimeOffset now)
    {
        var health = c.Health.Length > 0 ? $" ({c.Health})" : "";
        if (c.State is "running")
        {
            var style = c.Health is "" or "healthy" ? Style.Green : Style.Yellow;
            return new($"running{health}, started {Ages.Ago(c.StartedAt, now)}", style);
        }
        if (c.State is not ("exited" or "dead"))
            return new($"{c.State}{health}", Style.Yellow);

        var memory = c.OomKilled ? " (out of memory)" : "";
        var next = c.NextAttemptAt is null ? "" : $", next start {Ages.Ago(c.NextAttemptAt, now)}";
        return new(
            $"{c.State} with {c.ExitCode}{memory} {Ages.Ago(c.FinishedAt, now)}{next}",
            c.ExitCode == 0 ? Style.Plain : Style.Red
        );
    }

    private static Table Dependencies(IEnumerable<Dependency> dependencies)
    {
        var table = new Table("", "", "");
        foreach (var d in dependencies)
        {
            var wanted = d.Condition switch
            {
                "service_started" => "must have started",
                "service_healthy" => "must be healthy",
                "service_completed_successfully" => "must have completed",
                var other => other,
            };
            table.Add(d.Service, wanted, d.Satisfied ? new("yes", Style.Green) : new Cell("not yet", Style.Yellow));
        }
        return table;
    }

    private static Table Probes(IEnumerable<ProbeDetail> probes, DateTimeOffset now)
    {
        var table = new Table("PROBE", "CONTAINER", "RESULT", "CHECKED", "LAST OUTPUT");
        foreach (var p in probes)
        {
            Cell result = p.Healthy
                ? new("healthy", Style.Green)
                : new($"failed {p.ConsecutiveFailures} times in a row", Style.Red);
            // "tcp :5432" says already what it is.
            var probe = p.Target.StartsWith(p.Kind, StringComparison.Ordinal) ? p.Target : $"{p.Kind} {p.Target}";
            table.Add(probe, p.Container, result, Ages.Ago(p.LastCheckedAt, now), p.LastOutput.Trim());
        }
        return table;
    }

    private static Cell StateOf(ServiceState state) =>
        state switch
        {
            ServiceState.Pending => new("pending", Style.Yellow),
            ServiceState.Waiting => new("waiting", Style.Yellow),
            ServiceState.Starting => new("starting", Style.Yellow),
            ServiceState.Running => new("running", Style.Green),
            ServiceState.Unready => new("not ready", Style.Yellow),
            ServiceState.Unhealthy => new("unhealthy", Style.Red),
            ServiceState.BackingOff => new("backing off", Style.Red),
            ServiceState.Completed => new("completed", Style.Green),
            ServiceState.Failed => new("failed", Style.Red),
            ServiceState.Stopped => new("stopped", Style.Dim),
            ServiceState.Stopping => new("stopping", Style.Yellow),
            _ => new("unknown", Style.Yellow),
        };

    private static void Section<T>(Screen screen, string title, IReadOnlyCollection<T> items, Table table)
    {
        if (items.Count == 0)
            return;
        Heading(screen, title);
        table.WriteTo(screen, indent: "  ");
    }

    private static void Heading(Screen screen, string title)
    {
        screen.WriteLine();
        screen.WriteLine(screen.Paint(title, Style.Bold));
    }

    /// <summary>As much of an id as people tell apart, without its algorithm.</summary>
    private static string Short(string id)
    {
        var hex = id[(id.IndexOf(':', StringComparison.Ordinal) + 1)..];
        return hex.Length > 12 ? hex[..12] : hex;
    }
}
