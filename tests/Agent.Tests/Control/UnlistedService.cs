using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace Appliance.Agent.Tests.Control;

/// <summary>A service that somebody maps and forgets to give a permission.</summary>
[BindServiceMethod(typeof(UnlistedService), nameof(BindService))]
internal sealed class UnlistedService
{
    public const string Name = "/appliance.test.Unlisted/Echo";

    private static readonly Marshaller<StringValue> Text = Marshallers.Create(
        m => m.ToByteArray(),
        StringValue.Parser.ParseFrom
    );

    private static readonly Method<StringValue, StringValue> EchoMethod = new(
        MethodType.Unary,
        "appliance.test.Unlisted",
        "Echo",
        Text,
        Text
    );

    public static void BindService(ServiceBinderBase binder, UnlistedService? service) =>
        binder.AddMethod(EchoMethod, service is null ? null : service.Echo);

    public Task<StringValue> Echo(StringValue request, ServerCallContext context) => Task.FromResult(request);
}
