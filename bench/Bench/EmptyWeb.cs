namespace Appliance.Bench;

/// <summary>An ASP.NET Core app that does nothing, published as the agent is.</summary>
internal sealed class EmptyWeb : MeasuredProcess
{
    private readonly HttpClient client;

    private EmptyWeb(string program, string socket, string log)
        : base(program, ["--urls", $"http://unix:{socket}"], log) => client = new(Over(socket));

    public static EmptyWeb Start(TestBed bed)
    {
        var folder = bed.Folder("empty-web");
        var socket = Path.Combine(folder, "web.sock");
        File.Delete(socket);
        return new(bed.Floor("EmptyWeb"), socket, Path.Combine(folder, "web.log"));
    }

    /// <summary>From its start to its first answer.</summary>
    public Task<TimeSpan> UntilAnswerAsync(CancellationToken ct) =>
        UntilAsync(AnswersAsync, TimeSpan.FromMinutes(1), ct);

    public override async ValueTask DisposeAsync()
    {
        client.Dispose();
        await base.DisposeAsync();
    }

    private async Task<bool> AnswersAsync(CancellationToken ct)
    {
        try
        {
            return await client.GetStringAsync(new Uri("http://localhost/"), ct) == "ok";
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
