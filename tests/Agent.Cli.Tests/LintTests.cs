using System.Text.Json;

namespace Agent.Cli.Tests;

/// <summary>`bundle lint`, which needs no agent.</summary>
public sealed class LintTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("actl-lint-");

    public void Dispose() => folder.Delete(recursive: true);

    [Fact]
    public async Task A_valid_file_is_printed_as_it_is_understood()
    {
        var file = Given("compose.yaml", "name: shop\nservices:\n  web:\n    image: demo/web:${TAG:-1}\n");

        var run = await Lint(file);

        Assert.Equal((0, ""), (run.ExitCode, run.Stderr));
        Assert.Contains("image: demo/web:1\n", run.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_error_is_printed_with_its_place()
    {
        var file = Given(
            "compose.yaml",
            "name: shop\nservices:\n  web:\n    image: demo/web:1\n    prots: [80]\n    privileged: true\n"
        );

        var run = await Lint(file);

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        var lines = run.Stderr.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(2, lines.Length);
        Assert.StartsWith($"{file}:5:5: error: services.web.prots: ", lines[0], StringComparison.Ordinal);
        Assert.StartsWith($"{file}:6:", lines[1], StringComparison.Ordinal);
        Assert.Contains("error: services.web.privileged: ", lines[1], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Json_has_the_errors_and_no_model_when_there_are_any()
    {
        var file = Given("compose.yaml", "name: shop\nservices:\n  web:\n    image: demo/web:1\n    prots: [80]\n");

        var run = await Lint(file, "-o", "json");

        Assert.Equal((2, ""), (run.ExitCode, run.Stderr));
        using var json = JsonDocument.Parse(run.Stdout);
        Assert.False(json.RootElement.GetProperty("valid").GetBoolean());
        Assert.Equal(JsonValueKind.Null, json.RootElement.GetProperty("model").ValueKind);
        Assert.Empty(json.RootElement.GetProperty("warnings").EnumerateArray());
        var error = Assert.Single(json.RootElement.GetProperty("errors").EnumerateArray().ToList());
        Assert.Equal(file, error.GetProperty("file").GetString());
        Assert.Equal((5, 5), (error.GetProperty("line").GetInt32(), error.GetProperty("column").GetInt32()));
        Assert.Equal("services.web.prots", error.GetProperty("path").GetString());
        Assert.NotEqual("", error.GetProperty("message").GetString());
    }

    [Fact]
    public async Task Json_has_the_model_of_a_valid_file()
    {
        var file = Given("compose.yaml", "name: shop\nservices:\n  web:\n    image: demo/web:1\n");

        var run = await Lint(file, "-o", "json");

        using var json = JsonDocument.Parse(run.Stdout);
        Assert.True(json.RootElement.GetProperty("valid").GetBoolean());
        var web = json.RootElement.GetProperty("model").GetProperty("services").GetProperty("web");
        Assert.Equal("demo/web:1", web.GetProperty("image").GetString());
    }

    [Fact]
    public async Task Variables_come_from_files_and_the_command_line_wins()
    {
        var file = Given("compose.yaml", "name: shop\nservices:\n  web:\n    image: ${NAME}:${TAG}${SUFFIX}\n");
        Given(".env", "NAME=beside\nTAG=beside\nSUFFIX=-beside\n");
        var variables = Given("release.env", "TAG=file\nNAME=file\n");

        var run = await Lint(file, "--env-file", variables, "--env", "NAME=line");

        Assert.Contains("image: line:file-beside\n", run.Stdout, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_of_variables_that_makes_no_sense_is_an_error_with_its_place()
    {
        var file = Given("compose.yaml", "name: shop\nservices:\n  web:\n    image: demo/web:1\n");
        var variables = Given("release.env", "GOOD=1\n1BAD=2\n");

        var run = await Lint(file, "--env-file", variables);

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.StartsWith($"{variables}:2:1: error: ", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_file_that_is_not_there_is_usage()
    {
        var run = await Lint(Path.Combine(folder.FullName, "compose.yaml"));

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("compose.yaml cannot be read", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_pipe_that_nobody_writes_to_is_not_waited_for()
    {
        var pipe = Path.Combine(folder.FullName, "pipe");
        using (var made = System.Diagnostics.Process.Start("mkfifo", [pipe]))
            await made.WaitForExitAsync(TestContext.Current.CancellationToken);
        var file = Given("compose.yaml", "name: shop\nservices:\n  web:\n    image: demo/web:1\n    env_file: pipe\n");

        var asFile = await Lint(pipe);
        var asVariables = await Lint(file, "--env-file", pipe);
        var inside = await Lint(file);

        Assert.Equal((2, 2, 2), (asFile.ExitCode, asVariables.ExitCode, inside.ExitCode));
        Assert.Contains($"{pipe} cannot be read: it is not a regular file", asFile.Stderr, StringComparison.Ordinal);
        Assert.Contains(
            $"{pipe} cannot be read: it is not a regular file",
            asVariables.Stderr,
            StringComparison.Ordinal
        );
        Assert.Contains(
            ":5:15: error: services.web.env_file: \"pipe\" cannot be read",
            inside.Stderr,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task A_file_without_end_is_not_read_to_its_end()
    {
        var run = await Lint("/dev/zero");

        Assert.Equal((2, ""), (run.ExitCode, run.Stdout));
        Assert.Contains("the file has more than 1048576 bytes", run.Stderr, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_variable_without_a_value_is_usage()
    {
        var run = await Lint("compose.yaml", "--env", "NAME");

        Assert.Equal(2, run.ExitCode);
        Assert.Contains("--env is a name, = and a value, not 'NAME'", run.Stderr, StringComparison.Ordinal);
    }

    private static Task<Appliancectl.Outcome> Lint(params string[] arguments) =>
        Appliancectl.RunAsync("/nonexistent/agent.sock", ["bundle", "lint", .. arguments]);

    private string Given(string name, string content)
    {
        var path = Path.Combine(folder.FullName, name);
        File.WriteAllText(path, content);
        return path;
    }
}
