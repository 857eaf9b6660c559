using System.Text.Json.Serialization;

namespace Appliance.Docker;

/// <summary>What a container uses, at one moment; all zero for one that does not run.</summary>
public sealed record ContainerStats
{
    /// <summary>When it was read; null for a container that does not run.</summary>
    [JsonPropertyName("read")]
    [JsonConverter(typeof(EngineTimeConverter))]
    public DateTimeOffset? Read { get; init; }

    /// <summary>Processor.</summary>
    [JsonPropertyName("cpu_stats")]
    public CpuStats Cpu
    {
        get => field ?? new();
        init;
    }

    /// <summary>Processor at the reading before; zero for the first and for a one-shot.</summary>
    [JsonPropertyName("precpu_stats")]
    public CpuStats PreviousCpu
    {
        get => field ?? new();
        init;
    }

    /// <summary>Memory.</summary>
    [JsonPropertyName("memory_stats")]
    public MemoryStats Memory
    {
        get => field ?? new();
        init;
    }

    /// <summary>Processes and threads.</summary>
    [JsonPropertyName("pids_stats")]
    public PidsStats Pids
    {
        get => field ?? new();
        init;
    }

    /// <summary>Block devices.</summary>
    [JsonPropertyName("blkio_stats")]
    public BlockStats Block
    {
        get => field ?? new();
        init;
    }

    /// <summary>By interface; empty for the host's network.</summary>
    [JsonPropertyName("networks")]
    public IReadOnlyDictionary<string, InterfaceStats> Networks
    {
        get => field ?? EmptyMap.Of<InterfaceStats>();
        init;
    }
}

/// <summary>Processor use.</summary>
public sealed record CpuStats
{
    /// <summary>Since the container began.</summary>
    [JsonPropertyName("cpu_usage")]
    public CpuUsage Usage
    {
        get => field ?? new();
        init;
    }

    /// <summary>The whole host's since it booted, in nanoseconds over all processors.</summary>
    [JsonPropertyName("system_cpu_usage")]
    public ulong SystemNanoseconds { get; init; }

    /// <summary>How many processors there are.</summary>
    [JsonPropertyName("online_cpus")]
    public int OnlineCpus { get; init; }
}

/// <summary>Processor time used.</summary>
public sealed record CpuUsage
{
    /// <summary>In nanoseconds.</summary>
    [JsonPropertyName("total_usage")]
    public ulong TotalNanoseconds { get; init; }
}

/// <summary>Memory use.</summary>
public sealed record MemoryStats
{
    /// <summary>In bytes, page cache included.</summary>
    [JsonPropertyName("usage")]
    public ulong Usage { get; init; }

    /// <summary>In bytes; the host's memory where no limit is set.</summary>
    [JsonPropertyName("limit")]
    public ulong Limit { get; init; }

    /// <summary>The cgroup's own counters, whose names differ between cgroup v1 and v2.</summary>
    [JsonPropertyName("stats")]
    public IReadOnlyDictionary<string, ulong> Counters
    {
        get => field ?? EmptyMap.Of<ulong>();
        init;
    }

    /// <summary>In bytes, without the page cache that the kernel would give up first: what <c>docker stats</c> shows.</summary>
    [JsonIgnore]
    public ulong WorkingSet
    {
        get
        {
            var cache = Counters.GetValueOrDefault("total_inactive_file", Counters.GetValueOrDefault("inactive_file"));
            return cache < Usage ? Usage - cache : Usage;
        }
    }
}

/// <summary>Processes and threads.</summary>
public sealed record PidsStats
{
    /// <summary>How many there are.</summary>
    [JsonPropertyName("current")]
    public ulong Current { get; init; }

    /// <summary>How many there may be; 0 for no limit.</summary>
    [JsonPropertyName("limit")]
    public ulong Limit { get; init; }
}

/// <summary>Use of block devices.</summary>
public sealed record BlockStats
{
    /// <summary>Bytes by device and operation.</summary>
    [JsonPropertyName("io_service_bytes_recursive")]
    public IReadOnlyList<BlockCounter> Bytes
    {
        get => field ?? [];
        init;
    }
}

/// <summary>A counter of a block device.</summary>
public sealed record BlockCounter
{
    /// <summary>The device's major number.</summary>
    [JsonPropertyName("major")]
    public ulong Major { get; init; }

    /// <summary>The device's minor number.</summary>
    [JsonPropertyName("minor")]
    public ulong Minor { get; init; }

    /// <summary><c>read</c> or <c>write</c>, in either case.</summary>
    [JsonPropertyName("op")]
    public string Operation
    {
        get => field ?? "";
        init;
    }

    /// <summary>The count.</summary>
    [JsonPropertyName("value")]
    public ulong Value { get; init; }
}

/// <summary>Use of a network interface.</summary>
public sealed record InterfaceStats
{
    /// <summary>Bytes received.</summary>
    [JsonPropertyName("rx_bytes")]
    public ulong ReceivedBytes { get; init; }

    /// <summary>Bytes sent.</summary>
    [JsonPropertyName("tx_bytes")]
    public ulong SentBytes { get; init; }

    /// <summary>Packets dropped on receipt.</summary>
    [JsonPropertyName("rx_dropped")]
    public ulong ReceiveDropped { get; init; }

    /// <summary>Packets dropped on sending.</summary>
    [JsonPropertyName("tx_dropped")]
    public ulong SendDropped { get; init; }
}
