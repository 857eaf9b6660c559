namespace Appliance.Agent.Control;

/// <summary>
/// How many denials of one user are recorded: a burst, then one a minute, so that nobody without a role can fill the
/// disk. What is not recorded is counted, and told with the next one that is.
/// </summary>
internal sealed class DenialBudget(TimeProvider clock)
{
    public const int Burst = 10;
    public static readonly TimeSpan Refill = TimeSpan.FromMinutes(1);

    /// <summary>Above this, further users share one budget.</summary>
    private const int MaxUsers = 1000;

    private readonly Lock gate = new();
    private readonly Dictionary<uint, Bucket> users = [];
    private readonly Bucket others = new(clock.GetTimestamp());

    /// <summary>Whether to record a denial of this user, and how many went unrecorded before it.</summary>
    public bool TryTake(uint uid, out int unrecorded)
    {
        lock (gate)
        {
            var now = clock.GetTimestamp();
            if (!users.TryGetValue(uid, out var bucket))
            {
                bucket = users.Count < MaxUsers ? users[uid] = new Bucket(now) : others;
            }
            bucket.Tokens = Math.Min(Burst, bucket.Tokens + clock.GetElapsedTime(bucket.At, now) / Refill);
            bucket.At = now;
            if (bucket.Tokens < 1)
            {
                bucket.Unrecorded++;
                unrecorded = 0;
                return false;
            }
            bucket.Tokens--;
            (unrecorded, bucket.Unrecorded) = (bucket.Unrecorded, 0);
            return true;
        }
    }

    private sealed class Bucket(long now)
    {
        public double Tokens { get; set; } = Burst;
        public long At { get; set; } = now;
        public int Unrecorded { get; set; }
    }
}
