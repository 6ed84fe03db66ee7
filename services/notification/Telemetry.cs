using System.Diagnostics.Metrics;
using Tertulia.Notifications.Jobs;

namespace Tertulia.Notifications;

/// <summary>What the notification service counts.</summary>
internal sealed class Telemetry
{
    /// <summary>Name of the meter.</summary>
    public const string MeterName = "Tertulia.Notifications";

    private readonly Counter<long> _jobs;
    private readonly Counter<long> _pushes;
    private readonly Counter<long> _webhooks;
    private readonly Gauge<int> _endpoints;
    private readonly Gauge<int> _errorQueue;

    public Telemetry(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _jobs = meter.CreateCounter<long>("tertulia.jobs", "{job}", "Jobs that were taken up, by kind and outcome");
        _pushes = meter.CreateCounter<long>("tertulia.pushes", "{push}", "Pushes for one device each, by what became of them");
        _webhooks = meter.CreateCounter<long>("tertulia.webhooks", "{request}", "Events posted to webhooks, by whether they were taken");
        _endpoints = meter.CreateGauge<int>("tertulia.webhook.endpoints", "{webhook}", "Webhooks, by state");
        _errorQueue = meter.CreateGauge<int>("tertulia.error_queue", "{job}", "Jobs that wait for somebody in the error queue, by kind");
        foreach (var outcome in (string[])["sent", "gone", "later", "refused", "expired"])
        {
            _pushes.Add(0, new KeyValuePair<string, object?>("outcome", outcome)); // The first one is a change, too: without a zero before it no rate sees it.
        }

        _webhooks.Add(0, new KeyValuePair<string, object?>("outcome", "taken"));
        _webhooks.Add(0, new KeyValuePair<string, object?>("outcome", "failed"));
    }

    /// <summary>How many webhooks are in each state.</summary>
    public void Endpoints(string state, int webhooks) => _endpoints.Record(webhooks, new KeyValuePair<string, object?>("state", state));

    /// <summary>How many jobs of a kind are in the error queue.</summary>
    public void InErrorQueue(string kind, int jobs) => _errorQueue.Record(jobs, new KeyValuePair<string, object?>("kind", kind));

    /// <summary>A push was handed to a push service, or not.</summary>
    public void Pushed(string outcome) => _pushes.Add(1, new KeyValuePair<string, object?>("outcome", outcome));

    /// <summary>An event was posted to a webhook.</summary>
    public void Told(bool isTaken) => _webhooks.Add(1, new KeyValuePair<string, object?>("outcome", isTaken ? "taken" : "failed"));

    /// <summary>A job was taken up and came to an end, or was put off.</summary>
    public void JobEnded(string kind, JobOutcome outcome) => _jobs.Add(1, new("kind", kind), new("outcome", outcome switch
    {
        JobOutcome.Later => "later",
        JobOutcome.Failed => "failed",
        _ => "done",
    }));
}
